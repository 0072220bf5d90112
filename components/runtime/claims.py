"""Who evaluates an epoch: claims in the store, renewed by their owner, succeeded when they are not."""

import time
from typing import Any

from .store import Store, create_json, read_object, write_json


class ClaimLostError(OSError):
    """Another evaluator has taken over: this one was silent for too long."""


class Claims:
    """The claims ``eval/e0005.claim``, ``.claim2`` and so on, as one evaluator sees them.

    A claim that does not change for ``expires`` seconds belonged to an evaluator that died. That is measured by the
    clock of whoever waits, so no two machines need agree on the time.

    Args:
        store: the run's.
        owner: name of this evaluator.
        expires: seconds.
    """

    def __init__(self, store: Store, owner: str, *, expires: float) -> None:
        self._store, self._owner, self._expires = store, owner, expires
        self._seen: dict[str, tuple[dict[str, Any] | None, float]] = {}

    def take(self, epoch: int) -> str | None:
        """Reserve an epoch: one of several evaluators gets the claim's key, the others None."""
        latest = self._latest(epoch)
        if latest and not self._is_dead(_key(epoch, latest)):
            return None
        key = _key(epoch, latest + 1)
        return key if create_json(self._store, key, self._content()) else None

    def renew(self, epoch: int, key: str) -> None:
        """Say that this evaluator is still at it.

        Raises:
            ClaimLostError: another one is.
        """
        if _key(epoch, self._latest(epoch)) != key:
            raise ClaimLostError(f'{self._store.uri}: another evaluator has taken over epoch {epoch}. Nothing to mend')
        write_json(self._store, key, self._content())

    def release(self, key: str) -> None:
        """Let others evaluate the epoch: this evaluator could not."""
        self._store.delete(key)

    def is_taken(self, epoch: int) -> bool:
        """Whether any evaluator has claimed the epoch, dead or alive."""
        return self._latest(epoch) > 0

    def _latest(self, epoch: int) -> int:
        """Number of the claim that counts; 0 if there is none."""
        first = _key(epoch, 1)
        return max((int(key.removeprefix(first) or 1) for key, _ in self._store.list(first)), default=0)

    def _is_dead(self, key: str) -> bool:
        content = read_object(self._store, key)
        before, since = self._seen.get(key, (None, 0.0))
        if before is None or content != before:
            self._seen[key] = content, time.monotonic()
            return False
        return time.monotonic() - since >= self._expires

    def _content(self) -> dict[str, Any]:
        return {'owner': self._owner, 'time': time.time()}


def _key(epoch: int, number: int) -> str:
    return f'eval/e{epoch:04d}.claim{number if number > 1 else ""}'

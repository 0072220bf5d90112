"""One run's folder in the store: who may write what where (CONTRACTS sections 1 and 8).

::

    <run_root>/<run id>/run.json                                     what runs; its MLflow run
                        attempts/a0001.json                          each start of training
                        checkpoints/e0005/{weights.safetensors,manifest.json}
                        state/a0001-g00002/{...,manifest.json}       what a restarted training continues from
                        heartbeat.json                               training is alive
                        outcome.json                                 how the run ended; absent until then
                        eval/e0005.{claim,claim2,...,json}           who evaluates the epoch; what came out
                        report/  submission/  predictions/           what people read

The trainer's supervisor writes everything down to the heartbeat, evaluators write ``eval/``.

Of a training that is restarted the old process may linger. So that it cannot damage what the new one commits, each
start has a number, taken by a conditional put, and no two starts write the same object: of a checkpoint the first
manifest counts, of states that of the latest attempt.
"""

import functools
import os
import re
import socket
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .claims import Claims
from .commits import MANIFEST, commit, fetch, manifest, retract
from .store import Store, check_uri, create_json, join, open_store, read_object, write_json

SUCCEEDED, FAILED, CANCELED = 'succeeded', 'failed', 'canceled'
_CHECKPOINT = re.compile(r'checkpoints/e(\d{4,})/' + re.escape(MANIFEST))
_REMOVED = re.compile(r'checkpoints/e(\d{4,})/removed\.json')
_STATE = re.compile(r'state/(a\d{4,}-g\d{5,})/' + re.escape(MANIFEST))
_ATTEMPT = re.compile(r'attempts/a(\d{4,})\.json')
_EVALUATION = re.compile(r'eval/e(\d{4,})\.json')


class RunFolder:
    """The folder ``<run_root>/<run id>``.

    Args:
        run_root: where runs live, a URI.
        run_id: name of the run, one path component.
    """

    def __init__(self, run_root: str, run_id: str) -> None:
        if not run_id or '/' in run_id or run_id.startswith('.'):
            raise ValueError(f"'{run_id}' cannot name a run. Give one path component, e.g. --run-id=first")
        check_uri(run_root)
        self.run_id = run_id
        self._uri = join(run_root, run_id)

    @functools.cached_property
    def store(self) -> Store:
        """The objects of the run, by key."""
        return open_store(self._uri)

    @property
    def uri(self) -> str:
        """Where the run lies."""
        return self.store.uri

    def record(self) -> dict[str, Any]:
        """``run.json``, empty before training began."""
        return read_object(self.store, 'run.json') or {}

    def update_record(self, **facts: Any) -> dict[str, Any]:
        """Add facts to ``run.json``. Only the supervisor of node 0 does."""
        record = {**self.record(), **facts}
        write_json(self.store, 'run.json', record)
        return record

    def begin_attempt(self, **facts: Any) -> int:
        """Count one more start of training and return its number, from 1; of several at once each gets its own.

        An outcome without success is void then.
        """
        attempt = self.attempt() + 1
        while not create_json(self.store, f'attempts/a{attempt:04d}.json', {'host': worker(), 'time': time.time()}):
            attempt += 1
        if (self.outcome() or {}).get('outcome') in (FAILED, CANCELED):
            self.store.delete('outcome.json')
        self.update_record(attempt=attempt, **facts)
        return attempt

    def attempt(self) -> int:
        """Number of the latest start of training; 0 before the first."""
        return max(self._numbers('attempts/', _ATTEMPT), default=0)

    def is_superseded(self, attempt: int) -> bool:
        """Whether a later attempt has begun, so that this one must not write any more."""
        return self.attempt() > attempt

    def epochs(self) -> list[int]:
        """Epochs whose checkpoint is committed, ascending."""
        return sorted(self._numbers('checkpoints/', _CHECKPOINT))

    def removed_epochs(self) -> list[int]:
        """Epochs whose checkpoint was committed and removed, ascending."""
        return sorted(self._numbers('checkpoints/', _REMOVED))

    def commit_checkpoint(self, epoch: int, weights: Path, *, attempt: int = 1, **facts: Any) -> bool:
        """Make the weights of an epoch visible to evaluators, unless another attempt has; whether this call did."""
        name = 'weights.safetensors' if attempt == 1 else f'weights.attempt{attempt}.safetensors'
        folder = _checkpoint(epoch)
        committed = commit(self.store, folder, {name: weights}, once=True, epoch=epoch, attempt=attempt, **facts)
        if not committed and name not in (manifest(self.store, folder) or {'files': [name]})['files']:
            self.store.delete(f'{folder}/{name}')
        return committed

    def fetch_checkpoint(self, epoch: int, folder: Path) -> Path:
        """Bring the weights of an epoch into ``folder``."""
        (path,) = fetch(self.store, _checkpoint(epoch), folder).values()
        return path

    def checkpoint_uri(self, epoch: int) -> str:
        """Where the weights of an epoch lie.

        Raises:
            FileNotFoundError: they were not committed.
        """
        found = manifest(self.store, _checkpoint(epoch))
        if found is None:
            raise FileNotFoundError(f'{self.uri} has no checkpoint of epoch {epoch}. It has {self.epochs()}')
        (name,) = found['files']
        return join(self.uri, _checkpoint(epoch), name)

    def remove_checkpoint(self, epoch: int) -> None:
        """Remove the weights of an epoch for good: it stays known as committed. See `retention` for which may go."""
        write_json(self.store, f'{_checkpoint(epoch)}/removed.json', {'time': time.time()})
        retract(self.store, _checkpoint(epoch))

    def commit_state(
        self, files: Mapping[str, Path], *, digests: Mapping[str, str], attempt: int = 1, **facts: Any
    ) -> None:
        """Replace the state that a restarted training continues from; ``digests`` as in `commit`.

        Each generation has a folder of its own, and older ones go when it is committed: at no time is there none.
        """
        older = self._states()
        own = [int(name.rpartition('-g')[2]) for name in older if name.startswith(f'a{attempt:04d}-')]
        place = f'state/a{attempt:04d}-g{max(own, default=0) + 1:05d}'
        commit(self.store, place, files, digests=digests, attempt=attempt, **facts)
        for name in older:
            if name < place.rpartition('/')[2]:  # not that of a later attempt
                retract(self.store, f'state/{name}')

    def fetch_state(self, folder: Path) -> dict[str, Path]:
        """Bring the latest committed state into ``folder``: {name: file}, empty when there is none."""
        names = self._states()
        return fetch(self.store, f'state/{names[-1]}', folder) if names else {}

    def _states(self) -> list[str]:
        """Names of the committed states, the latest attempt's newest last."""
        found = (_STATE.fullmatch(key) for key, _ in self.store.list('state/'))
        return sorted(match[1] for match in found if match)

    def _numbers(self, prefix: str, pattern: re.Pattern[str]) -> list[int]:
        found = (pattern.fullmatch(key) for key, _ in self.store.list(prefix))
        return [int(match[1]) for match in found if match]

    def beat(self, **facts: Any) -> None:
        """Say that training is alive."""
        write_json(self.store, 'heartbeat.json', {'time': time.time(), 'host': socket.gethostname(), **facts})

    def heartbeat(self) -> dict[str, Any] | None:
        """The last sign of life, or None before the first."""
        return read_object(self.store, 'heartbeat.json')

    def end(self, outcome: str, **facts: Any) -> bool:
        """Write ``outcome.json`` unless there is one; whether this call did."""
        return create_json(self.store, 'outcome.json', {'outcome': outcome, 'time': time.time(), **facts})

    def outcome(self) -> dict[str, Any] | None:
        """How the run ended, or None while it has not."""
        return read_object(self.store, 'outcome.json')

    def evaluated_epochs(self) -> list[int]:
        """Epochs that were evaluated, ascending."""
        return sorted(self._numbers('eval/', _EVALUATION))

    def evaluations(self) -> dict[int, dict[str, Any]]:
        """{epoch: result} of everything evaluated so far, by epoch."""
        return {epoch: self.evaluation(epoch) for epoch in self.evaluated_epochs()}

    def evaluation(self, epoch: int) -> dict[str, Any]:
        """What the evaluation of an epoch gave."""
        return read_object(self.store, f'eval/e{epoch:04d}.json') or {}

    def record_evaluation(self, epoch: int, result: Mapping[str, Any]) -> bool:
        """Write what the evaluation of an epoch gave, unless another evaluator has; whether this call did."""
        facts = {**result, 'epoch': epoch, 'time': time.time(), 'by': worker()}
        return create_json(self.store, f'eval/e{epoch:04d}.json', facts)

    def claims(self, *, expires: float) -> Claims:
        """Claims of epochs to evaluate, as one evaluator sees them."""
        return Claims(self.store, worker(), expires=expires)


@functools.cache
def worker() -> str:
    """A name for this process that no other process has."""
    return f'{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}'


def _checkpoint(epoch: int) -> str:
    return f'checkpoints/e{epoch:04d}'

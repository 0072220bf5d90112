"""Checkpoints and states while training. A full disk is loud and does not end the training."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .retention import Retention
from .state import StateFiles

LOG = logging.getLogger(__name__)

CHEAP = 0.02  # share of the time


class Saving:
    """What the first process writes.

    Args:
        files: of the state.
        interval: minutes between states within an epoch; 0 for none.
        write_checkpoint: writes the weights that the network holds as those after so many epochs; returns the path.
        facts: goes into every state, e.g. the resolved options.
        retention: of checkpoints; by default all stay.
        command: line that trains this.

    Attributes:
        retention: as given.
        command: as given.
    """

    def __init__(
        self,
        files: StateFiles,
        *,
        interval: float,
        write_checkpoint: Callable[[int], Path],
        facts: Mapping[str, Any],
        retention: Retention | None = None,
        command: str = 'pifpaf train',
    ) -> None:
        self.files = files
        self.retention = retention or Retention(files.output)
        self.command = command
        self._interval = interval
        self._write_checkpoint = write_checkpoint
        self._facts = facts
        self._last = time.monotonic()
        self._cost = 0.0
        self._lost: dict[str, OSError] = {}

    def due(self) -> bool:
        """Whether the last state is older than the interval."""
        return self._interval > 0.0 and time.monotonic() - self._last >= 60.0 * self._interval

    def cheap(self) -> bool:
        """Whether saving now costs little of the time since the last state; not so at the ends of very short epochs."""
        return self._cost <= CHEAP * (time.monotonic() - self._last)

    def state(self, state: Mapping[str, Any]) -> None:
        """Write a state; a failure is logged and told by `check`."""
        start = time.monotonic()
        self._try('state', lambda: self.files.save({**self._facts, **state}))
        self._last = time.monotonic()
        self._cost = self._last - start

    def checkpoint(self, epoch: int) -> None:
        """Write the checkpoint after ``epoch`` epochs; a failure is logged and told by `check`."""

        def write() -> None:
            LOG.info('checkpoint written: %s', self._write_checkpoint(epoch))

        self._try('checkpoint', write)

    def validated(self, epoch: int, loss: float | None) -> None:
        """Take the validation loss of the newest checkpoint; mark the best and remove old ones."""
        self._try('best checkpoint', lambda: self.retention.validated(epoch, loss))

    def check(self, *kinds: str) -> None:
        """Demand that the last ``state`` or the last ``checkpoint`` is on disk.

        Raises:
            OSError: it is not.
        """
        for kind in kinds:
            if kind in self._lost:
                raise self._lost[kind]

    def _try(self, kind: str, write: Callable[[], None]) -> None:
        try:
            write()
            self._lost.pop(kind, None)
        except OSError as error:
            self._lost[kind] = error
            LOG.error('THE %s IS NOT SAVED: %s. Free some space; the training goes on', kind.upper(), error)

"""How far something long is, in the log of a pod, where no bar can be drawn."""

import logging
import threading
import time

LOG = logging.getLogger(__name__)
_SAY_EVERY = 10.0


class Progress:
    """Says now and then how far a long piece of work is; of a short one nothing. Safe from several threads.

    Args:
        what: e.g. ``sending s3://bucket/key``.
        total: of the work, in some unit.
        start: what was done before.
        unit: name of the unit that people see.
        scale: how many of ours make one of theirs.
    """

    def __init__(self, what: str, total: int, *, start: int = 0, unit: str = 'MiB', scale: int = 1 << 20) -> None:
        self._what, self._total, self._done, self._unit, self._scale = what, total, start, unit, scale
        self._said = time.monotonic()
        self._lock = threading.Lock()

    def add(self, amount: int) -> None:
        """So much more is done."""
        with self._lock:
            self._done += amount
            if time.monotonic() - self._said >= _SAY_EVERY:
                self._said = time.monotonic()
                done, total = self._done // self._scale, self._total // self._scale
                LOG.info('%s: %d of %d %s', self._what, done, total, self._unit)

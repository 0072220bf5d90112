"""The log of node 0 on our own stdout, whatever breaks in between."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from .cluster import Cluster, Refused, Unavailable

LOG = logging.getLogger(__name__)

_OVERLAP = 10  # seconds that are asked for twice after a break; what was seen is left out


class NodeLog(threading.Thread):
    """Copies the log of one pod after another while the context lasts.

    A stream that breaks is taken up again at the second where it broke, and lines that were shown are left out by
    their time stamps: no clock but the cluster's is needed.

    Args:
        cluster: where the pods are.
        show: takes each line, without its end.
        pause: seconds between attempts.
    """

    def __init__(self, cluster: Cluster, *, show: Callable[[str], None], pause: float) -> None:
        super().__init__(name='node-log', daemon=True)
        self._cluster, self._show, self._pause = cluster, show, pause
        self._pod = ''
        self._changed, self._stopped = threading.Event(), threading.Event()
        self._last, self._heard = '', 0.0

    def __enter__(self) -> 'NodeLog':
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._changed.set()
        if kind is None:  # an interruption has no time for it
            self.join(10 * self._pause)

    def follow(self, pod: str) -> None:
        """Go on with this pod."""
        if pod != self._pod:
            self._pod = pod
            self._changed.set()

    def run(self) -> None:
        """Copy until the context ends and the last pod's log is at its end."""
        current, is_complete = '', True
        while not (self._stopped.is_set() and is_complete and self._pod == current):
            if self._pod != current:
                current, self._last, is_complete = self._pod, '', False
            if current:
                is_complete = self._copy(current)
            self._changed.wait(self._pause)
            self._changed.clear()

    def _copy(self, pod: str) -> bool:
        """Copy what comes; whether the log came to its end."""
        shown = self._last
        since = int(time.monotonic() - self._heard) + _OVERLAP if shown else None
        try:
            for line in self._cluster.follow_log(pod, since_seconds=since):
                stamp, _, text = line.partition(' ')
                if stamp > shown:
                    self._last, self._heard = stamp, time.monotonic()
                    self._show(text)
        except Refused:  # not begun, or gone
            return self._stopped.is_set()
        except Unavailable as broken:
            LOG.debug('%s', broken)
            return False
        return True

"""MLflow beside training: a thread tails the trainer's log and sends what it finds; training never waits for it."""

import logging
import threading
import time

from components.runtime.tracked_run import TrackedRun
from components.runtime.tracking import TrackingError

LOG = logging.getLogger(__name__)


class TrackingThread(threading.Thread):
    """Forwards a training's log until told to finish.

    Args:
        tracked: what to forward.
        interval: seconds between looks at the log.
    """

    def __init__(self, tracked: TrackedRun, *, interval: float = 2.0) -> None:
        super().__init__(name='tracking', daemon=True)
        self._tracked, self._interval = tracked, interval
        self._finishing = threading.Event()
        self._deadline = float('inf')
        self._is_away = False

    def finish(self, timeout: float) -> bool:
        """Send the rest, for about ``timeout`` seconds at most; whether all was sent."""
        self._deadline = time.monotonic() + timeout
        self._finishing.set()
        self.join(timeout + 30.0)  # a call that hangs ends by its own timeout
        return not self.is_alive() and not self._is_away

    def run(self) -> None:
        """Forward; when the server is away say so once and try again, until the deadline."""
        while time.monotonic() < self._deadline:
            finishing = self._finishing.is_set()
            self._forward()
            if finishing and not self._is_away:
                return
            time.sleep(min(self._interval, 0.5)) if finishing else self._finishing.wait(self._interval)

    def _forward(self) -> None:
        try:
            self._tracked.forward()
        except (TrackingError, OSError) as error:
            if not self._is_away:
                LOG.warning('MLflow is away; the log keeps everything until it is back: %s', error)
            self._is_away = True
        else:
            if self._is_away:
                LOG.info('MLflow is back')
            self._is_away = False

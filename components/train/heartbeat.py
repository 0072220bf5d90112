"""The sign of life that evaluators watch: written from a thread, so that no upload and no server delays it."""

import logging
import threading
from types import TracebackType

from components.runtime.run_folder import RunFolder

LOG = logging.getLogger(__name__)


class Heartbeat(threading.Thread):
    """Beats while the context lasts.

    Args:
        run: whose heart.
        interval: seconds between beats.
        attempt: number of this start.
    """

    def __init__(self, run: RunFolder, *, interval: float, attempt: int) -> None:
        super().__init__(name='heartbeat', daemon=True)
        self._run, self._interval, self._attempt = run, interval, attempt
        self._stopped = threading.Event()

    def __enter__(self) -> 'Heartbeat':
        self._run.beat(attempt=self._attempt)  # here, so that a store that cannot be used is found at once
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        """Beat until the context ends. A store that is away for a moment is no reason to stop."""
        while not self._stopped.wait(self._interval):
            try:
                self._run.beat(attempt=self._attempt)
            except OSError as error:
                LOG.warning('no heartbeat: %s', error)

"""SIGTERM as a request: finish the step, save the state, leave with exit code 75 (CONTRACTS section 2)."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from ..command import Preempted


class Preemption:
    """Within this context the first SIGTERM sets ``requested`` and the second one leaves at once.

    Signals can be handled in the main thread only; in another thread the context changes nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None

    def __enter__(self) -> 'Preemption':
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise Preempted('terminated at once. The last saved state is kept; run the same command to continue')
        self.requested = True

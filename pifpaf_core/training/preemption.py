"""SIGTERM as a request: finish the step, save the state, leave with exit code 75 (CONTRACTS section 2)."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from ..command import Preempted


class Preemption:
    """Within this context the first SIGTERM sets ``requested`` and the second one leaves at once.

    Signals can be handled in the main thread only; in another thread the context changes nothing.

    Args:
        at_once: leave with the first signal already: for work before and after the training itself.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self.requested = False
        self._at_once = at_once
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
        if self.requested or self._at_once:
            raise Preempted('terminated at once: what was saved before is kept. Run the same command to continue')
        self.requested = True

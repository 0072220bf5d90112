"""The trainer as a process: started, told to save and leave, never left behind."""

import signal
import subprocess
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

from pifpaf_core.command import CANCELED, DONE, FAILED, PREEMPTED, USAGE

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Trainer:
    """Runs a command line while the context lasts. SIGTERM and SIGINT reach it as SIGTERM: save and leave.

    Args:
        argv: command line.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = argv
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> 'Trainer':
        # a session of its own, so that Ctrl-C on a terminal reaches it through us only, and once
        self._process = subprocess.Popen(self._argv, start_new_session=True)
        self._previous = {number: signal.signal(number, self._pass_on) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def is_running(self, wait: float) -> bool:
        """Whether it still runs after ``wait`` seconds at most."""
        try:
            self._process.wait(wait)
        except subprocess.TimeoutExpired:
            return True
        return False

    def stop(self) -> None:
        """Let it save and leave, and wait for that."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    @property
    def code(self) -> int:
        """How it ended, as an exit code of ours (CONTRACTS section 2)."""
        code = self._process.returncode
        if code == DONE:
            return DONE
        if self._received is not None and code in (PREEMPTED, 128 + signal.SIGTERM, -signal.SIGTERM):
            return CANCELED if self._received == signal.SIGINT else PREEMPTED
        return code if code in (USAGE, PREEMPTED) else FAILED

    @property
    def fate(self) -> str:
        """How it ended, for people."""
        code = self._process.returncode
        number = code - 128 if code > 128 else -code
        if code in (128 + signal.SIGKILL, -signal.SIGKILL):
            return 'killed; most often for memory: lower --batch-size or --loader-workers, or give the pod more'
        return (
            f'ended by {signal.Signals(number).name}' if 0 < number < 32 and code != PREEMPTED else f'exit code {code}'
        )

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        if self._process.poll() is None:
            self._process.terminate()

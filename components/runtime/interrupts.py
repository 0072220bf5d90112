"""Signals as Ctrl-C: what a pod or a batch system sends ends a program the way a person would."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def as_interrupt(*numbers: int) -> Iterator[None]:
    """Within this context these signals raise KeyboardInterrupt, so that children are stopped and claims released.

    SIGINT may have to be among them: a process that a shell started in the background ignores it. Signals can be
    handled in the main thread only; in another thread the context changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def cancel(*_: object) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, cancel) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""A process that does not outlive the one that started it."""

import ctypes
import os
import signal
import sys

from ..command import PREEMPTED

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Get SIGTERM when the parent dies, even by SIGKILL: a training that nobody watches must not linger. Linux only."""
    if sys.platform != 'linux':
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(PREEMPTED)

"""A process that does not outlive the one that started it."""

import ctypes
import os
import signal
import sys

from ..command import PREEMPTED

LAUNCHER = 'PIFPAF_LAUNCHER'
"""The variable in which our launcher tells its workers its process id."""

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Get SIGTERM when the parent dies, even by SIGKILL: a training that nobody watches must not linger. Linux only.

    Importing torch takes seconds. A worker whose launcher has died by then would wait half an hour for the others; it
    has another parent than the launcher, and ends.
    """
    if sys.platform != 'linux':
        return
    parent = int(os.environ.get(LAUNCHER) or os.getppid())
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(PREEMPTED)

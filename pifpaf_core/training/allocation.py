"""Memory of the processor that training keeps between steps."""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt(3)
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have the C library keep the memory of freed tensors for the next ones, in this process, from now on.

    Without this, glibc returns every block above 32 MB to the system at once, and each step of a training on the
    processor has the system clear the same gigabytes of pages again. The process never shrinks afterwards.

    Returns:
        Whether the C library is one that can: glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))

"""The one place that owns the numba decorator: compiled without the GIL, cached where a disk can be written."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar('F', bound=Callable[..., Any])
LOG = logging.getLogger(__name__)


class _Cache:
    """Whether kernels can be cached; found out once, at the first kernel that cannot."""

    usable = True


def jit(function: F) -> F:
    """Compile a kernel on plain arrays: nopython, without the GIL, IEEE arithmetic, cached on disk.

    numba refuses at import to cache for a file in a read-only tree unless ``NUMBA_CACHE_DIR`` names a writable
    folder. Then kernels are compiled anew in each process, and one warning says so.
    """
    if _Cache.usable:
        try:
            return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
        except RuntimeError as error:
            if 'cannot cache' not in str(error):
                raise
            _Cache.usable = False
            LOG.warning(
                'kernels cannot be cached in this read-only tree and are compiled in each process. '
                'Set NUMBA_CACHE_DIR to a writable folder'
            )
    return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]

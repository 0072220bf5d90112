"""The one place that owns the numba decorator: compiled without the GIL, cached where a disk can be written."""

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar('F', bound=Callable[..., Any])
LOG = logging.getLogger(__name__)
PACKAGES = ('decoders', 'encoders', 'transforms', 'datasets')
"""Where kernels are."""


def jit(function: F) -> F:
    """Compile a kernel on plain arrays: nopython, without the GIL, IEEE arithmetic, cached on disk.

    Compiled kernels lie in ``NUMBA_CACHE_DIR``, else in ``XDG_CACHE_HOME``, else in ``~/.cache``, by the digest of the
    sources of all kernels. Where none can be written, kernels are compiled anew in each process, and one warning says
    so.
    """
    return _compiled(function)


def jit_in_place(function: F) -> F:
    """`jit` for kernels that make and return no arrays, and call only such kernels.

    Without numba's memory management arrays are not reference-counted. Many small kernels that hand arrays to each
    other spend half of their time on those counts, and compile half as fast.
    """
    return _compiled(function, _nrt=False)


@functools.cache
def cache_folder() -> Path | None:
    """Folder for the compiled form of just these sources, made if need be; None where nothing can be written.

    numba itself looks only at the file of the outermost kernel: after a change in a kernel that another file calls, it
    would go on with the old one. Kernels that an image was built with are copied there first.
    """
    named = os.environ.get('NUMBA_CACHE_DIR')
    cache = os.environ.get('XDG_CACHE_HOME') or Path('~/.cache').expanduser()
    folder = (Path(named) if named else Path(cache) / 'pifpaf_core' / 'kernels') / _digest_of_sources()
    try:
        _take_over_built(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        LOG.warning(
            'compiled kernels cannot be kept in %s: each process compiles them anew. '
            'Set NUMBA_CACHE_DIR to a folder that can be written', folder.parent
        )  # fmt: skip
        return None


def _compiled(function: F, **numba_options: bool) -> F:
    folder = cache_folder()
    if folder is None:
        return numba.njit(nogil=True, **numba_options)(function)  # type: ignore[no-any-return]
    elsewhere = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        return numba.njit(cache=True, nogil=True, **numba_options)(function)  # type: ignore[no-any-return]
    finally:
        numba.config.CACHE_DIR = elsewhere


def _take_over_built(folder: Path) -> None:
    """Copy the kernels of an image, which ``PIFPAF_KERNELS`` names: numba uses no cache that it cannot write."""
    built = Path(os.environ.get('PIFPAF_KERNELS', ''), folder.name)
    if not os.environ.get('PIFPAF_KERNELS') or not built.is_dir() or folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        copy = shutil.copytree(built, Path(scratch, folder.name))
        with contextlib.suppress(OSError):  # another process has just done the same
            copy.rename(folder)


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((Path(__file__).parent / package).rglob('*.py')):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

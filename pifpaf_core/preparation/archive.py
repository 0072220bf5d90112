"""Unpacking zip and tar archives of unknown origin: only plain files, only below the folder, only so many bytes."""

import contextlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from ..datasets.coco_checks import is_inside
from .progress import Progress

KEPT = frozenset({'.json', '.jpg', '.jpeg', '.png'})
LARGEST_RATIO = 50  # JSON packs by about 5, JPEG not at all
ALWAYS_ALLOWED = 1 << 30
_CHUNK = 1 << 20

Opener = Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, *, always_allowed: int = ALWAYS_ALLOWED) -> None:
    """Unpack the images and JSON files of ``archive`` below ``folder``; other files are passed over.

    Args:
        archive: zip, or tar with any compression that Python reads.
        folder: an existing folder.
        always_allowed: bytes that even a tiny archive may hold; a larger one may hold 50 times its own size.

    Raises:
        ValueError: no archive or a damaged one; a member that leaves the folder, is a link or a device, is encrypted or
            occurs twice; more bytes than ``always_allowed`` and the ratio permit, or than the disk has.
    """
    size = archive.stat().st_size
    budget = min(max(always_allowed, LARGEST_RATIO * size), shutil.disk_usage(folder).free)
    with _damage_named(archive), Progress(f'unpacking {archive.name}', total=None, unit='B') as progress:
        for name, opener in _members(archive):
            _check_name(archive, name)
            if PurePosixPath(name).suffix.lower() in KEPT and not _is_resource_fork(name):
                budget -= _write(opener, folder / name, budget, archive, name, progress)


def find_root(folder: Path) -> Path:
    """The folder that holds ``annotations``: ``folder`` itself or the only one in it, for archives of one folder.

    Raises:
        ValueError: there is none.
    """
    for candidate in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        if (candidate / 'annotations').is_dir():
            return candidate
    raise ValueError('the archive holds no folder annotations. Pack annotations/*.json and images/<split>/')


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive, by content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


@contextlib.contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise ValueError(f'{archive} is damaged or no archive ({error}). Fetch it again') from error


def _members(archive: Path) -> Iterator[tuple[str, Opener]]:
    """Names and openers of the regular files."""
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive)
    elif tarfile.is_tarfile(archive):
        yield from _tar_members(archive)
    else:
        raise ValueError(f'{archive} is neither a zip nor a tar archive, or is truncated. Fetch it again')


def _zip_members(archive: Path) -> Iterator[tuple[str, Opener]]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, info.filename, 'is a link or a device')
            if info.flag_bits & 0x1:
                raise _refused(archive, info.filename, 'is encrypted')
            if not info.is_dir():
                yield info.filename, partial(opened.open, info)


def _tar_members(archive: Path) -> Iterator[tuple[str, Opener]]:
    with tarfile.open(archive, 'r:*') as opened:
        for info in opened:
            if not (info.isreg() or info.isdir()):
                raise _refused(archive, info.name, 'is a link or a device')
            if info.isreg():
                yield info.name, partial(_extracted, opened, info)


def _extracted(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = opened.extractfile(info)
    assert stream is not None, 'regular files have content'
    return stream


def _check_name(archive: Path, name: str) -> None:
    if not name or not is_inside(name):
        raise _refused(archive, name, 'leaves the folder')


def _is_resource_fork(name: str) -> bool:
    """What macOS adds to archives beside each file."""
    return '__MACOSX' in PurePosixPath(name).parts or PurePosixPath(name).name.startswith('._')


def _write(opener: Opener, target: Path, budget: int, archive: Path, name: str, progress: Progress) -> int:
    """Write one member, counting what really comes out: the sizes in the archive's directory can lie."""
    written = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with opener() as stream, target.open('xb') as file:
            while chunk := stream.read(_CHUNK):
                written += len(chunk)
                if written > budget:
                    raise _refused(archive, name, 'unpacks to more bytes than expected or than the disk has')
                file.write(chunk)
                progress.add(len(chunk))
    except FileExistsError:
        raise _refused(archive, name, 'occurs twice') from None
    return written


def _refused(archive: Path, name: str, why: str) -> ValueError:
    return ValueError(f"{archive}: the member '{name}' {why}. Use an archive with plain files only")

"""Files from the network: whole, verified and cached, or one line that says what to do by hand."""

import contextlib
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .files import atomic_path, sha256

TIMEOUT = 30.0  # seconds without a byte
_DIGEST = re.compile(r'-([0-9a-f]{8,64})\.[^-]*$')


class DownloadError(ValueError):
    """A file could not be fetched; the message says which, why, and where it may be put by hand."""


def fetch(address: str, folder: Path, *, progress: bool = True) -> Path:
    """The file at ``address``, from ``folder`` if it is there under its own name, else downloaded into it.

    Hexadecimal digits at the end of a file's name, as in ``resnet50-0676ba61.pth``, begin its sha256: what does not
    match is refused, also when it comes from the folder.

    Raises:
        DownloadError: no connection, an error of the server, or a content that does not match.
        OSError: the folder cannot be written.
    """
    target = folder / address.rpartition('/')[2]
    if not target.exists():
        with atomic_path(target) as temporary:
            try:
                _download(address, temporary, progress=progress)
            except (urllib.error.URLError, TimeoutError, ConnectionError, EOFError) as error:
                reason = getattr(error, 'reason', None) or error
                remedy = f'Put the file at {target}'
                raise DownloadError(f'{address} could not be downloaded ({reason}). {remedy}') from error
            _verify(temporary, target.name, remedy=f'{address} is not the file it should be')
    _verify(target, target.name, remedy=f'Delete {target} so that it is downloaded again')
    return target


def _download(address: str, path: Path, *, progress: bool) -> None:
    with urllib.request.urlopen(address, timeout=TIMEOUT) as response, path.open('wb') as file:
        length = int(response.headers.get('Content-Length', 0))
        with _progress_bar(response, address, length, show=progress) as source:
            shutil.copyfileobj(source, file, 1 << 20)
        if length and file.tell() != length:
            raise EOFError(f'the connection ended after {file.tell()} of {length} bytes')


@contextlib.contextmanager
def _progress_bar(response: Any, address: str, length: int, *, show: bool) -> Iterator[Any]:
    hidden = not show or not sys.stderr.isatty()
    name = address.rpartition('/')[2]
    with tqdm.wrapattr(response, 'read', total=length or None, desc=name, disable=hidden) as source:
        yield source


def _verify(path: Path, name: str, *, remedy: str) -> None:
    match = _DIGEST.search(name)
    if match and not sha256(path).startswith(match[1]):
        raise DownloadError(f'the sha256 of {name} does not begin with {match[1]}, as its name says. {remedy}')

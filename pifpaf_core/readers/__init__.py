"""Files by address: paths of this machine, and whatever scheme a plugin opens, such as ``s3://``.

A plugin is an entry point of the group ``pifpaf_core.readers`` under the name of its scheme: a function that takes an
address and gives a binary file. Of an address that ends with a slash it gives what lies below: for each file a line of
its version (any word that changes with the content), a space, and its name relative to the address.
"""

import contextlib
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from .. import plugins

GROUP = 'pifpaf_core.readers'
_SCHEME = re.compile(r'^([a-z][a-z0-9+.-]*)://')

Address = str | os.PathLike[str]


def is_remote(address: Address) -> bool:
    """Whether the address has a scheme, so that it is no path of this machine."""
    return isinstance(address, str) and _SCHEME.match(address) is not None and not address.startswith('file://')


def open_binary(address: Address) -> BinaryIO:
    """The file at an address, to read.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
        ValueError: no plugin opens such addresses.
    """
    if not is_remote(address):
        return Path(_path(address)).open('rb')
    assert isinstance(address, str)
    return _opener(address.partition('://')[0])(address)


def read_bytes(address: Address) -> bytes:
    """The content of the file at an address. Raises as `open_binary`."""
    with open_binary(address) as file:
        return file.read()


def join(folder: Address, name: str) -> str:
    """The address of a file below a folder."""
    return f'{str(folder).rstrip("/")}/{name}' if is_remote(folder) else str(Path(_path(folder), name))


def names(folder: str) -> dict[str, str]:
    """{name: version} of the files below a remote folder. Raises as `open_binary`."""
    with open_binary(f'{folder.rstrip("/")}/') as file:
        rows = (line.decode().rstrip('\n').partition(' ') for line in file)
        return {name: version for version, _, name in rows}


@contextlib.contextmanager
def local_file(address: Address) -> Iterator[Path]:
    """A file of this machine with the content behind the address: a copy of a remote one, gone after the block."""
    if not is_remote(address):
        yield Path(_path(address))
        return
    with tempfile.NamedTemporaryFile(prefix='pifpaf-') as copy:
        with open_binary(address) as file:
            shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        yield Path(copy.name)


@functools.cache
def _opener(scheme: str) -> Callable[[str], BinaryIO]:
    """The plugin of a scheme. Looking for plugins takes milliseconds, too long for each image."""
    try:
        opener: Callable[[str], BinaryIO] = plugins.load(GROUP, scheme)
    except ImportError as error:
        raise ValueError(
            f'{scheme}:// cannot be read: {error}. Put the repository on PYTHONPATH and install its extra train'
        ) from error
    return opener


def _path(address: Address) -> Address:
    return address.removeprefix('file://') if isinstance(address, str) else address

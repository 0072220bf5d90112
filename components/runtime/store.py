"""The object store of a run: ``s3://`` URIs and local folders behind one protocol.

A store maps keys (``checkpoints/e0005/manifest.json``) to objects. An object appears whole or not at all, keys are
listed in order, and `Store.create` lets one of several writers win. Everything else, such as what counts as committed,
is built on these in `components.runtime.commits` and `components.runtime.run_folder`.
"""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pifpaf_core.files import atomic_path, write_atomically


class Store(Protocol):
    """Objects under one URI. Every method raises OSError, with the URI and a remedy, when the store cannot be used."""

    uri: str

    def put(self, path: Path, key: str) -> None:
        """Store a file that is final: it must not be changed in place afterwards, for it may be linked."""

    def get(self, key: str, path: Path) -> None:
        """Bring an object into a file. FileNotFoundError where there is none."""

    def write(self, key: str, data: bytes) -> None:
        """Store a small object, in place of an older one."""

    def create(self, key: str, data: bytes) -> bool:
        """Store a small object unless there is one; of several writers at once exactly one is told True.

        ``data`` must differ between writers, as a claim that names its owner does.
        """

    def read(self, key: str) -> bytes | None:
        """A small object's content, or None."""

    def list(self, prefix: str = '') -> Iterator[tuple[str, int]]:
        """(key, size in bytes) of the objects whose key starts with ``prefix``, sorted by key."""

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is no error."""


def open_store(uri: str) -> Store:
    """The store at ``s3://bucket/key``, ``file:///folder`` or a plain path.

    Raises:
        ValueError: see `check_uri`.
    """
    check_uri(uri)
    if uri.startswith('s3://'):
        from .s3 import S3Store  # boto3 takes a while to import, and a laptop needs none

        return S3Store(uri)
    return LocalStore(Path(uri.removeprefix('file://')))


def check_uri(uri: str) -> None:
    """Refuse what `open_store` cannot open, without touching anything.

    Raises:
        ValueError: an empty URI, one of another scheme or one without a bucket.
    """
    scheme, _, rest = uri.rpartition('://')
    if scheme not in ('', 'file', 's3') or not rest or (scheme == 's3' and rest.startswith('/')):
        raise ValueError(f"'{uri}' is no place to store anything. Give s3://bucket/key or a folder")


def open_s3(uri: str) -> BinaryIO:
    """An ``s3://`` object, or the listing of a prefix: what `pifpaf_core.readers` finds as its plugin ``s3``.

    Raises:
        FileNotFoundError: there is no such object.
        OSError: the store cannot be used.
    """
    folder, _, name = uri.rpartition('/')
    check_uri(folder)
    from .s3 import S3Store

    return S3Store(folder).open(name)


def join(uri: str, *parts: str) -> str:
    """``uri`` with further path components, whether or not it ends in a slash: ``join('s3://b/', 'c')`` is ``s3://b/c``."""
    return '/'.join([uri.rstrip('/'), *(part.strip('/') for part in parts)])


def write_json(store: Store, key: str, value: Any) -> None:
    """Store a JSON document."""
    store.write(key, _encoded(value))


def create_json(store: Store, key: str, value: Any) -> bool:
    """`Store.create` a JSON document."""
    return store.create(key, _encoded(value))


def read_object(store: Store, key: str) -> dict[str, Any] | None:
    """A JSON object, or None where there is none.

    Raises:
        OSError: it is damaged.
    """
    data = store.read(key)
    if data is None:
        return None
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise OSError(f'{join(store.uri, key)} is no JSON object. Remove it, and run the stage that writes it again')
    return found


def _encoded(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + '\n').encode()


class LocalStore:
    """A folder as a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.uri = str(self.folder)

    def put(self, path: Path, key: str) -> None:
        """See `Store.put`: a hard link, or a copy where the file system has none."""
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mktemp(prefix=f'.{target.name}.', suffix='.part', dir=target.parent))
        try:
            os.link(path, temporary)
        except OSError:
            with atomic_path(target) as copy:
                shutil.copyfile(path, copy)
            return
        temporary.replace(target)
        temporary.unlink(missing_ok=True)  # renaming onto another link of the same file leaves both

    def get(self, key: str, path: Path) -> None:
        """See `Store.get`."""
        with atomic_path(path) as temporary:
            shutil.copyfile(self.folder / key, temporary)

    def write(self, key: str, data: bytes) -> None:
        """See `Store.write`."""
        write_atomically(self.folder / key, data)

    def create(self, key: str, data: bytes) -> bool:
        """See `Store.create`: a hard link either is made or finds the name taken."""
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f'.{target.name}.', suffix='.part', dir=target.parent)
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(data)
            return _link(Path(name), target, data)
        finally:
            Path(name).unlink()

    def read(self, key: str) -> bytes | None:
        """See `Store.read`."""
        try:
            return (self.folder / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def list(self, prefix: str = '') -> Iterator[tuple[str, int]]:
        """See `Store.list`. Files that are being written (``.*.part``) are no objects yet."""
        top = self.folder / prefix.rpartition('/')[0]
        found = []
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self.folder).as_posix()
                if key.startswith(prefix) and not (name.startswith('.') and name.endswith('.part')):
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        found.append((key, path.stat().st_size))
        yield from sorted(found)

    def delete(self, key: str) -> None:
        """See `Store.delete`. Folders that become empty go too."""
        path = self.folder / key
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def _link(source: Path, target: Path, data: bytes) -> bool:
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        try:  # a file system without hard links
            with target.open('xb') as file:
                file.write(data)
        except FileExistsError:
            return False
    return True

"""Groups of files that become visible at once: data objects first, ``manifest.json`` last.

A reader looks for manifests only, so it never sees half a checkpoint; sizes and sha256 in the manifest tell a damaged
transfer from a good one.
"""

import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pifpaf_core.files import sha256

from .store import Store, create_json, join, read_object, write_json

MANIFEST = 'manifest.json'


def commit(
    store: Store,
    folder: str,
    files: Mapping[str, Path],
    *,
    digests: Mapping[str, str] | None = None,
    once: bool = False,
    **facts: Any,
) -> bool:
    """Store ``files`` under ``folder`` and then the manifest that makes them count; whether this call did.

    Args:
        store: where to.
        folder: key of the group, without trailing slash; empty for the store's own top.
        files: {name below ``folder``: file}. The files are final (`Store.put`).
        digests: sha256 of those files where it is known already.
        once: leave a manifest that is there as it is; the files of this call then do not count.
        facts: what the manifest says besides, e.g. the epoch.
    """
    known = digests or {}
    entries = {
        name: {'size': path.stat().st_size, 'sha256': known.get(name) or sha256(path)} for name, path in files.items()
    }
    for name, path in files.items():
        store.put(path, _key(folder, name))
    document = {**facts, 'time': time.time(), 'files': entries}
    if once:
        return create_json(store, _key(folder, MANIFEST), document)
    write_json(store, _key(folder, MANIFEST), document)
    return True


def retract(store: Store, folder: str) -> None:
    """Remove a committed group: the manifest first, so that nobody sees half of it."""
    found = manifest(store, folder) or {'files': {}}
    store.delete(_key(folder, MANIFEST))
    for name in found['files']:
        store.delete(_key(folder, name))


def manifest(store: Store, folder: str) -> dict[str, Any] | None:
    """The manifest of a committed group, or None."""
    return read_object(store, _key(folder, MANIFEST))


def fetch(store: Store, folder: str, destination: Path) -> dict[str, Path]:
    """Bring a committed group into ``destination`` and return {name: file}.

    Raises:
        FileNotFoundError: nothing was committed under ``folder``.
        OSError: what arrived is not what was committed.
    """
    found = manifest(store, folder)
    if found is None:
        raise FileNotFoundError(f'{join(store.uri, folder)} holds nothing that was committed. Check the URI')
    return {name: _fetch(store, folder, name, entry, destination) for name, entry in found['files'].items()}


def _fetch(store: Store, folder: str, name: str, entry: Mapping[str, Any], destination: Path) -> Path:
    if PurePosixPath(name).is_absolute() or '..' in PurePosixPath(name).parts:
        raise OSError(f"{join(store.uri, folder, MANIFEST)} names a file outside its folder: '{name}'. Do not use it")
    path = destination / name
    store.get(_key(folder, name), path)
    if path.stat().st_size != entry['size'] or sha256(path) != entry['sha256']:
        path.unlink()
        raise OSError(
            f'{join(store.uri, folder, name)} is not what was committed: size or sha256 differs. Remove {folder}'
        )
    return path


def _key(folder: str, name: str) -> str:
    return f'{folder}/{name}' if folder else name

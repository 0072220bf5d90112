"""Prepared data sets in the store: ``<run_root>/datasets/<start of digest>/``, the manifest of ``pifpaf prepare`` last.

The digest in the key makes equal content one object set: it is not written twice, and a data set never changes under a
training that reads it.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pifpaf_core.files import sha256

from .store import LocalStore, join, open_store, read_object

MANIFEST = 'manifest.json'
_TRANSFERS = 8
#: annotation files of the built-in data modules in COCO's layout; those of plugins are named in the train options
_KINDS = {'cocokp': 'person_keypoints', 'cocodet': 'instances'}


def publish(folder: Path, run_root: str) -> tuple[str, dict[str, Any]]:
    """Put a prepared data set into the store, unless it is there; return (URI, manifest)."""
    manifest = json.loads((folder / MANIFEST).read_text())
    uri = join(run_root, 'datasets', manifest['digest'][:16])
    store = open_store(uri)
    if store.read(MANIFEST) is None:
        paths = [path for path in sorted(folder.rglob('*')) if path.is_file() and path != folder / MANIFEST]
        with ThreadPoolExecutor(_TRANSFERS) as pool:
            list(pool.map(lambda path: store.put(path, path.relative_to(folder).as_posix()), paths))
        store.put(folder / MANIFEST, MANIFEST)
    return store.uri, manifest


def manifest(uri: str) -> dict[str, Any]:
    """The manifest of a data set in the store.

    Raises:
        FileNotFoundError: there is none.
    """
    found = read_object(open_store(uri), MANIFEST)
    if found is None or 'digest' not in found:
        raise FileNotFoundError(f'{uri} holds no prepared data set. Run components.prepare_dataset first')
    return found


def bring(uri: str, scratch: Path) -> Path:
    """A folder with the data set: the store's own where it is local, else a checked copy below ``scratch``.

    Raises:
        FileNotFoundError: there is no data set.
        OSError: the copy is not what the manifest says.
    """
    found, store = manifest(uri), open_store(uri)
    if isinstance(store, LocalStore):
        return store.folder
    folder = scratch / str(found['digest'])[:16]
    if not (folder / MANIFEST).exists():
        keys = [key for key, _ in store.list() if key != MANIFEST]
        with ThreadPoolExecutor(_TRANSFERS) as pool:
            list(pool.map(lambda key: store.get(key, folder / key), keys))
        if _digest(folder, keys) != found['digest']:
            raise OSError(f'{uri} is not what its manifest says: the digest differs. Remove it and prepare it again')
        store.get(MANIFEST, folder / MANIFEST)
    return folder


def flags(folder: Path, dataset: str) -> dict[str, str]:
    """Flags that make a command of the library read the data set.

    Args:
        folder: in COCO's layout.
        dataset: names of data modules, joined by ``-``.
    """
    found = {}
    for name in dataset.split('-'):
        for split in ('train', 'val') if name in _KINDS else ():
            found[f'{name}-{split}-annotations'] = str(folder / 'annotations' / f'{_KINDS[name]}_{split}2017.json')
            found[f'{name}-{split}-image-dir'] = str(folder / 'images' / f'{split}2017')
    return found


def _digest(folder: Path, keys: list[str]) -> str:
    """As ``pifpaf prepare`` computes it: over the lines ``<sha256>  <name>`` of all files, sorted by name."""
    lines = ''.join(f'{sha256(folder / key)}  {key}\n' for key in sorted(keys))
    return hashlib.sha256(lines.encode()).hexdigest()

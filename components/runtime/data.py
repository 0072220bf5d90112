"""Prepared data sets in the store: ``<run_root>/datasets/<start of digest>/``, the manifest of ``pifpaf prepare`` last.

The digest in the key makes equal content one object set: it is not written twice, and a data set never changes under a
training that reads it. ``SHA256SUMS`` lists its files as ``sha256sum`` does, and its own sha256 is the digest.

Commands read annotations from a copy on this machine and images where they lie: a machine needs no room for a data set.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pifpaf_core.files import sha256

from .progress import Progress
from .store import LocalStore, Store, join, open_store, read_object

MANIFEST, SUMS = 'manifest.json', 'SHA256SUMS'
_TRANSFERS = 8
#: annotation files of the built-in data modules in COCO's layout; those of plugins are named in the train options
_KINDS = {'cocokp': 'person_keypoints', 'cocodet': 'instances'}


@dataclass(frozen=True)
class DataSet:
    """A prepared data set as commands of the library read it.

    Attributes:
        annotations: folder of this machine.
        images: folder or address of the folders ``train2017``, ``val2017`` and so on.
    """

    annotations: Path
    images: str

    def flags(self, dataset: str, *, cache: Path) -> dict[str, str]:
        """Flags that make a command of the library read it.

        Args:
            dataset: names of data modules, joined by ``-``.
            cache: folder that keeps images which lie afar.
        """
        found = {'data-cache': str(cache)} if '://' in self.images else {}
        for name in dataset.split('-'):
            for split in ('train', 'val') if name in _KINDS else ():
                found[f'{name}-{split}-annotations'] = str(self.annotations / f'{_KINDS[name]}_{split}2017.json')
                found[f'{name}-{split}-image-dir'] = self.image_folder(split)
        return found

    def image_folder(self, split: str) -> str:
        """Path or address of the images of ``train``, ``val`` or ``test``."""
        return join(self.images, f'{split}2017')


def annotation_files(dataset: str, splits: Sequence[str]) -> list[str]:
    """Names of the annotation files that data modules read, joined by ``-``."""
    return [f'{_KINDS[name]}_{split}2017.json' for name in dataset.split('-') if name in _KINDS for split in splits]


def publish(folder: Path, run_root: str) -> tuple[str, dict[str, Any]]:
    """Put a prepared data set into the store, unless it is there; return (URI, manifest).

    A publication that broke off is completed: what is there is not sent again.
    """
    manifest = json.loads((folder / MANIFEST).read_text())
    uri = join(run_root, 'datasets', manifest['digest'][:16])
    store = open_store(uri)
    if store.read(MANIFEST) is None:
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob('*') if path.is_file()}
        del paths[MANIFEST]
        _put_missing(store, paths)
        store.write(SUMS, ''.join(f'{sha256(paths[name])}  {name}\n' for name in sorted(paths)).encode())
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


def bring(uri: str, scratch: Path, annotations: Collection[str]) -> DataSet:
    """The data set, read where it is in a local store; of one that lies afar checked copies of some annotation files.

    Args:
        uri: of the data set.
        scratch: folder for the copies.
        annotations: names of annotation files.

    Raises:
        FileNotFoundError: there is no data set, or it has no such file.
        OSError: a copy is not what the data set says.
    """
    found, store = manifest(uri), open_store(uri)
    if isinstance(store, LocalStore):
        return DataSet(store.folder / 'annotations', str(store.folder / 'images'))
    sums = _sums(store, found['digest'])
    folder = scratch / str(found['digest'])[:16]
    for key in (f'annotations/{name}' for name in annotations):
        if key not in sums:
            known = ', '.join(name for name in sums if name.startswith('annotations/'))
            raise FileNotFoundError(f'{uri} has no {key}, but {known}. Prepare a data set with it, or change --dataset')
        path = folder / key
        if not path.exists() or sha256(path) != sums[key]:
            store.get(key, path)
            if sha256(path) != sums[key]:
                path.unlink()
                raise OSError(f'{join(uri, key)} is not what {SUMS} says. Remove {uri} and prepare it again')
    return DataSet(folder / 'annotations', join(store.uri, 'images'))


def bring_source(uri: str, scratch: Path) -> Path:
    """What lies at an ``s3://`` address, an archive or a prefix, as a file or folder for ``pifpaf prepare``.

    What an earlier attempt has brought is not fetched again.

    Raises:
        FileNotFoundError: there is nothing.
    """
    top, _, name = uri.rstrip('/').rpartition('/')
    parent = open_store(top) if top.count('/') > 1 else None
    if parent and any(key == name for key, _ in parent.list(name)):
        parent.get(name, scratch / name)
        return scratch / name
    store = open_store(uri)
    sizes = dict(store.list())
    if not sizes:
        raise FileNotFoundError(f'{uri} holds nothing. Check the URI')
    missing = [key for key, size in sizes.items() if not _has_size(scratch / 'folder' / key, size)]
    progress = Progress(f'fetching {uri}', len(sizes), start=len(sizes) - len(missing), unit='files', scale=1)

    def get(key: str) -> None:
        store.get(key, scratch / 'folder' / key)
        progress.add(1)

    with ThreadPoolExecutor(_TRANSFERS) as pool:
        list(pool.map(get, missing))
    return scratch / 'folder'


def _put_missing(store: Store, paths: dict[str, Path]) -> None:
    there = dict(store.list())
    missing = [name for name, path in sorted(paths.items()) if there.get(name) != path.stat().st_size]
    progress = Progress(f'sending {store.uri}', len(paths), start=len(paths) - len(missing), unit='files', scale=1)

    def put(name: str) -> None:
        store.put(paths[name], name)
        progress.add(1)

    with ThreadPoolExecutor(_TRANSFERS) as pool:
        list(pool.map(put, missing))


def _sums(store: Store, digest: str) -> dict[str, str]:
    """{name: sha256} of the files of a data set."""
    content = store.read(SUMS) or b''
    if hashlib.sha256(content).hexdigest() != digest:
        raise OSError(f'{join(store.uri, SUMS)} is not that of the data set. Remove {store.uri} and prepare it again')
    return {name: value for value, _, name in (line.partition('  ') for line in content.decode().splitlines())}


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size

"""Writing a prepared data set: COCO's layout and a manifest, all of it or nothing."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import files
from ..version import version
from .source import AnnotationFile, Image, Source, count

MANIFEST = 'manifest.json'
FORMAT = 1


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside ``folder``; it becomes ``folder`` when the block ends well, and goes when it fails.

    Raises:
        OSError: the folder cannot be made.
        ValueError: ``folder`` exists and is not empty.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f'{folder} exists but holds no prepared data set. Empty it or choose another --output')
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f'.{folder.name}.', suffix='.part', dir=folder.parent))
    except OSError as error:
        raise OSError(
            f'{folder} cannot be written ({error.strerror}). Choose another --output or mend its rights'
        ) from None
    try:
        yield stage
        stage.chmod(0o755)
        stage.replace(folder)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise


def existing(folder: Path, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest of the data set that already lies in ``folder``, or None.

    Raises:
        ValueError: what lies there was asked for differently or lacks files.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    manifest = read_manifest(folder)
    if manifest['request'] != dict(request):
        raise ValueError(
            f'{folder} holds a data set from another source or other options. Choose another --output, or remove it'
        )
    found = sum(1 for item in folder.rglob('*') if item.is_file()) - 1
    if found != manifest['files']:
        raise ValueError(
            f'{folder} has {found} files but its manifest counts {manifest["files"]}. Remove it and prepare again'
        )
    return manifest


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The manifest of a prepared data set.

    Raises:
        ValueError: there is none or it is damaged.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f'{path} is missing, so {folder} is no prepared data set. Run pifpaf prepare') from None
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict) or not _is_manifest(manifest):
        raise ValueError(f'{path} is damaged or of another version. Remove {folder} and run pifpaf prepare')
    return manifest


def _is_manifest(manifest: Mapping[str, Any]) -> bool:
    """Whether it has all that is read of it."""
    kinds = {'digest': str, 'files': int, 'request': dict, 'splits': dict, 'split': str, 'val_is_train': bool}
    return (
        manifest.get('format') == FORMAT
        and all(isinstance(manifest.get(key), kind) for key, kind in kinds.items())
        and all(isinstance(row, dict) for row in manifest['splits'].values())
    )


class Writer:
    """Fills a staging folder and keeps account of each file's digest."""

    def __init__(self, stage: Path) -> None:
        self.stage = stage
        self._digests: dict[str, str] = {}
        self._bytes = 0

    def place(self, path: Path, name: str, *, sha256: str, n_bytes: int) -> None:
        """Put the existing file ``path`` at ``name`` in the layout: as a hard link, or a copy where that cannot be."""
        target = self.stage / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path.resolve(), target)
        except OSError:
            shutil.copyfile(path, target)
        self._account(name, sha256, n_bytes)

    def write(self, content: bytes, name: str) -> None:
        """Write a new file at ``name`` in the layout."""
        target = self.stage / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self._account(name, hashlib.sha256(content).hexdigest(), len(content))

    def _account(self, name: str, sha256: str, n_bytes: int) -> None:
        self._digests[name] = sha256
        self._bytes += n_bytes

    @property
    def digest(self) -> str:
        """sha256 over the sorted lines ``<sha256>  <name>`` of all files: the same content gives the same digest."""
        lines = ''.join(f'{self._digests[name]}  {name}\n' for name in sorted(self._digests))
        return hashlib.sha256(lines.encode()).hexdigest()

    def commit(self, **facts: Any) -> dict[str, Any]:
        """Write the manifest, last of all, and return it."""
        manifest = {
            'format': FORMAT,
            'digest': self.digest,
            'files': len(self._digests),
            'bytes': self._bytes,
            **facts,
            'version': version(),
        }
        files.write_atomically(self.stage / MANIFEST, json.dumps(manifest, indent=2) + '\n')
        return manifest


def write_layout(
    writer: Writer, source: Source, *, val_ids: frozenset[int] | None, val_is_train: bool
) -> dict[str, Any]:
    """Write annotations and images of ``source`` and return ``{split: counts}``.

    Args:
        writer: where to.
        source: checked.
        val_ids: ids of the images that become the validation split of a source with one split; None keeps its splits.
        val_is_train: use the one split of the source as both.
    """
    counts: dict[str, Any] = {}
    for file in source.files:
        if file.split == 'test':
            _place_document(writer, file, file.path.name)
        elif val_ids is not None:
            _write_halves(writer, file, val_ids, counts)
        else:
            for split in ('train', 'val') if val_is_train else (file.split,):
                _place_document(writer, file, document_name(file.kind, split))
                _note(counts, split, file.kind, dict(source.counts[file]))
    for split, images in source.images.items():
        for image in images:
            for target in _targets(split, image, val_ids, val_is_train):
                _place_image(writer, image, target)
    return {split: counts[split] for split in sorted(counts)}


def document_name(kind: str, split: str) -> str:
    """Where the annotations of a kind and split lie in the layout."""
    return f'annotations/{kind}_{split}2017.json'


def image_name(split: str, name: str) -> str:
    """Where an image lies in the layout."""
    return f'images/{split}2017/{name}'


def encode(document: Mapping[str, Any]) -> bytes:
    """A document as bytes, the same on every machine."""
    return json.dumps(document, separators=(',', ':'), ensure_ascii=False).encode()


def _targets(split: str, image: Image, val_ids: frozenset[int] | None, val_is_train: bool) -> tuple[str, ...]:
    if split == 'test':
        return ('test',)
    if val_is_train:
        return ('train', 'val')
    if val_ids is None:
        return (split,)
    return ('val',) if image.identity in val_ids else ('train',)


def _place_document(writer: Writer, file: AnnotationFile, name: str) -> None:
    name = name if name.startswith('annotations/') else f'annotations/{name}'
    writer.place(file.path, name, sha256=files.sha256(file.path), n_bytes=file.path.stat().st_size)


def _place_image(writer: Writer, image: Image, split: str) -> None:
    name = image_name(split, image.name)
    writer.place(image.path, name, sha256=image.file.sha256, n_bytes=image.file.n_bytes)


def _write_halves(writer: Writer, file: AnnotationFile, val_ids: frozenset[int], counts: dict[str, Any]) -> None:
    document = json.loads(file.path.read_bytes())
    document.setdefault('annotations', [])
    for split in ('train', 'val'):
        half = {
            **document,
            'images': [i for i in document['images'] if (i['id'] in val_ids) == (split == 'val')],
            'annotations': [a for a in document['annotations'] if (a['image_id'] in val_ids) == (split == 'val')],
        }
        writer.write(encode(half), document_name(file.kind, split))
        _note(counts, split, file.kind, count(half))


def _note(counts: dict[str, Any], split: str, kind: str, found: dict[str, int]) -> None:
    """People are what the keypoint annotations count; boxes of all categories are counted beside them."""
    row = counts.setdefault(split, {})
    if kind == 'person_keypoints':
        row |= {'images': found['images'], 'people': found['instances']}
        row |= {'crowd_regions': found['crowd_regions'], 'labelled_keypoints': found['labelled_keypoints']}
    else:
        row |= {f'{kind}_images': found['images'], kind: found['instances']}

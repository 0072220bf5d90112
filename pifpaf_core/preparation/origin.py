"""Where data can come from. Each origin says what it is, for the manifest, and brings its data as a folder."""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..datasets.synthetic import dataset
from ..datasets.synthetic.dataset import SyntheticOptions
from ..options import option
from . import archive, official, progress, source
from .download import check_address, fetch, file_name, local_path, without_secrets


@dataclass(frozen=True)
class Origin:
    """One origin.

    Attributes:
        request: what was asked for, as JSON data: the same request gives the same data set.
        bring: puts the data into an empty scratch folder or leaves them where they are; returns the folder to read.
    """

    request: Mapping[str, Any]
    bring: Callable[[Path], Path]


@dataclass(frozen=True)
class DownloadOptions:
    """Fetching data.

    Attributes:
        base_address: where COCO's ``zips/`` and ``annotations/`` lie.
        checksums: file with the digests of the archives at ``base_address``.
        with_test: also fetch the test images.
        downloads: folder that keeps whole and begun downloads.
    """

    base_address: str = option(official.BASE_ADDRESS, "where COCO's zips/ and annotations/ lie: its servers or a copy")
    checksums: str | None = option(None, 'sha256sum lines for the archives of a copy (default: the official ones)')
    with_test: bool = option(False, "also fetch COCO's test images, for submissions to test-dev")
    downloads: str | None = option(
        None, 'folder that keeps the downloads (default: OUTPUT.downloads, removed at the end)'
    )

    def __post_init__(self) -> None:
        check_address(self.base_address)


def folder(root: Path) -> Origin:
    """A folder in COCO's layout, used in place."""
    annotations = {file.path.name: files.sha256(file.path) for file in source.find_files(root)}
    return Origin({'source': 'folder', 'annotations': annotations}, lambda scratch: root)


def archive_file(path: Path) -> Origin:
    """A zip or tar of such a folder."""

    def bring(scratch: Path) -> Path:
        archive.unpack(path, scratch)
        return archive.find_root(scratch)

    return Origin({'source': 'archive', 'sha256': files.sha256(path)}, bring)


def address(url: str, downloads: Path) -> Origin:
    """An archive behind an http(s) address."""

    def bring(scratch: Path) -> Path:
        archive.unpack(fetch(url, downloads / file_name(url)), scratch)
        return archive.find_root(scratch)

    return Origin({'source': 'address', 'address': without_secrets(url)}, bring)


def coco2017(options: DownloadOptions, downloads: Path) -> Origin:
    """COCO 2017 from its makers or from a copy."""
    checksums = official.read_checksums(Path(options.checksums)) if options.checksums else None

    def bring(scratch: Path) -> Path:
        return official.bring(
            options.base_address, downloads, scratch, with_test=options.with_test, checksums=checksums
        )

    return Origin({'source': 'coco2017', 'with_test': options.with_test, 'checksums': checksums}, bring)


def synthetic(options: SyntheticOptions, *, workers: int) -> Origin:
    """Rendered people."""

    def bring(scratch: Path) -> Path:
        images = dataset.write(options, scratch, workers=workers)
        for _ in progress.shown(images, 'rendering people', total=options.n_images):
            pass
        return scratch

    request = {'source': 'synthetic', 'generator': dataset.VERSION, **dataclasses.asdict(options)}
    return Origin(request, bring)


def of(name: str, options: DownloadOptions, downloads: Path) -> Origin:
    """The origin that ``--source=name`` means, except synthetic people.

    Raises:
        ValueError: nothing is there, or it is no folder or archive.
    """
    if name == 'coco2017':
        return coco2017(options, downloads)
    if '://' in name:
        check_address(name)
    if name.startswith(('http://', 'https://')):
        return address(name, downloads)
    path = local_path(name)
    if archive.is_archive(path):
        return archive_file(path)
    if path.is_file():
        raise ValueError(f'{path} is neither a folder nor a zip or tar archive, or is truncated. Give one')
    return folder(path)


def shown(name: str) -> str:
    """``--source=name`` for messages and manifests, which many people read."""
    return without_secrets(name) if '://' in name else name


def scratch_folder(output: Path) -> 'tempfile.TemporaryDirectory[str]':
    """A temporary folder on the disk of ``output``, so that files move from one to the other by name only.

    Raises:
        OSError: it cannot be made.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=f'.{output.name}.', suffix='.part', dir=output.parent)
    except OSError as error:
        message = f'{output} cannot be written ({error.strerror}). Choose another --output or mend its rights'
        raise OSError(message) from None

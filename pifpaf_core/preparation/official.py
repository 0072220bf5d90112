"""COCO 2017 as its makers publish it: which archives there are, their sizes and digests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import archive
from .download import Expected, Patience, fetch

BASE_ADDRESS = 'http://images.cocodataset.org'


@dataclass(frozen=True)
class Archive:
    """One archive: its address below the base address, and what it should be."""

    address: str
    expected: Expected

    @property
    def name(self) -> str:
        """File name."""
        return self.address.rpartition('/')[2]


TRAIN_VAL = (
    Archive(
        'annotations/annotations_trainval2017.zip',
        Expected(252_907_541, '113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268'),
    ),
    Archive(
        'zips/val2017.zip',
        Expected(815_585_330, '4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05'),
    ),
    Archive(
        'zips/train2017.zip',
        Expected(19_336_861_798, '69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929'),
    ),
)
TEST = (
    Archive(
        'annotations/image_info_test2017.zip',
        Expected(None, 'e52f412dd7195ac8f98d782b44c6dd30ea10241e9f42521f67610fbe055a74f8'),
    ),
    Archive(
        'zips/test2017.zip',
        Expected(6_646_970_404, 'c7908c3c9f94ba2f3340ebbeec58c25db6be8774f18d68c2f15d0e369d95baba'),
    ),
)


def bring(
    base_address: str,
    downloads: Path,
    folder: Path,
    *,
    with_test: bool = False,
    checksums: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Path:
    """Fetch COCO's archives into ``downloads``, unpack them into ``folder`` and return it, laid out for `source.read`.

    Args:
        base_address: where ``zips/`` and ``annotations/`` lie: COCO's own servers or a copy.
        downloads: keeps whole and begun archives, so that a second run resumes.
        folder: an empty folder.
        with_test: also the test images, for submissions to test-dev.
        checksums: {archive name: sha256} in place of the official ones, for copies that differ.
        patience: how long to try.

    Raises:
        ValueError: an archive is not what it should be, or ``checksums`` lacks one.
        OSError: the server or the disk fails.
    """
    for item in TRAIN_VAL + (TEST if with_test else ()):
        expected = item.expected if checksums is None else Expected(None, _checksum_of(item, checksums))
        address = f'{base_address.rstrip("/")}/{item.address}'
        archive.unpack(fetch(address, downloads / item.name, expected=expected, patience=patience), folder)
    return folder


def read_checksums(path: Path) -> dict[str, str]:
    """{file name: digest} from lines as ``sha256sum`` writes them.

    Raises:
        ValueError: another kind of line.
    """
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        match = re.fullmatch(r'([0-9a-fA-F]{64}) [ *](?:.*/)?([^/]+)', line.rstrip())
        if match is None:
            raise ValueError(f'{path}, line {number} is no checksum. Write lines as sha256sum does: <sha256>  <name>')
        found[match[2]] = match[1].lower()
    return found


def _checksum_of(item: Archive, checksums: Mapping[str, str]) -> str:
    if item.name not in checksums:
        raise ValueError(f'the checksums lack {item.name}. Add its line, as sha256sum writes it')
    return checksums[item.name]

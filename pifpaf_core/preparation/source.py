"""A folder in COCO's layout as a source: which annotation files and images it has and whether they are sound."""

import logging
import os
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.coco_checks import raise_first, read_json, record_problems
from ..datasets.image_checks import ImageFile, check_image
from . import progress

LOG = logging.getLogger(__name__)
_NAME = re.compile(r'^(?P<kind>person_keypoints|instances|image_info)_(?P<folder>.*(?P<split>train|val|test).*)\.json$')


@dataclass(frozen=True)
class AnnotationFile:
    """One annotation file of a source.

    Attributes:
        path: where it lies.
        kind: ``person_keypoints``, ``instances`` or ``image_info`` (test images without annotations).
        split: ``train``, ``val`` or ``test``.
        images: folder of its images.
    """

    path: Path
    kind: str
    split: str
    images: Path


@dataclass(frozen=True)
class Image:
    """One image of a source: its id, its name below the split's folder, where it lies, and what reading it found."""

    identity: int
    name: str
    path: Path
    file: ImageFile


@dataclass(frozen=True)
class Source:
    """A checked source.

    Attributes:
        files: its annotation files, sorted.
        images: {split: images sorted by name}.
        counts: {annotation file: what `count` says about it}.
    """

    files: tuple[AnnotationFile, ...]
    images: Mapping[str, tuple[Image, ...]]
    counts: Mapping[AnnotationFile, Mapping[str, int]]

    @property
    def splits(self) -> frozenset[str]:
        """The splits that have annotations."""
        return frozenset(file.split for file in self.files) - {'test'}


def find_files(root: Path) -> tuple[AnnotationFile, ...]:
    """The annotation files below ``root``, which is laid out as COCO: ``annotations/*.json`` and ``images/<split>/``.

    Images may also lie in ``<split>/`` as in COCO's zip files, or in ``images/``.

    Raises:
        ValueError: there is no such folder, file, or folder of images.
    """
    folder = root / 'annotations'
    if not folder.is_dir():
        missing = folder if root.is_dir() else root
        raise ValueError(f'{missing} is missing. Give a folder with annotations/*.json and images/<split>/')
    found = []
    for path in sorted(folder.glob('*.json')):
        match = _NAME.match(path.name)
        if match is None:
            LOG.debug('%s is left out: its name is not person_keypoints_<split>.json or instances_<split>.json', path)
            continue
        split_folder = 'test2017' if match['split'] == 'test' else match['folder']
        candidates = [root / 'images' / split_folder, root / split_folder]
        if match['split'] != 'test':
            candidates.append(root / 'images')
        images = next((candidate for candidate in candidates if candidate.is_dir()), None)
        if images is not None:
            found.append(AnnotationFile(path, match['kind'], match['split'], images))
        elif match['split'] != 'test':  # lists of test images come along with COCO's annotations, their images seldom
            raise ValueError(f'{candidates[0]} is missing. Put the images of {path.name} there')
    if not any(file.kind == 'person_keypoints' or file.kind == 'instances' for file in found):
        raise ValueError(f'{folder} has no person_keypoints_<split>.json. Name the annotation files as COCO does')
    return tuple(found)


def read(root: Path, *, workers: int, check_splits: Callable[[Collection[str]], None] = lambda splits: None) -> Source:
    """Read a folder in COCO's layout and check every record and every image, ``workers`` at a time.

    Args:
        root: the folder.
        workers: files that are read at a time.
        check_splits: refuses the splits that have annotations, once the records are known to be sound and before the
            images, which take long.

    Raises:
        ValueError: something is wrong; the message holds the first problem and the number of others, which are logged
            at debug level.
    """
    files = find_files(root)
    with ThreadPoolExecutor(workers) as pool:
        listings = list(pool.map(_read_listing, files))
        _refuse([problem for listing in listings for problem in listing.problems])
        check_splits({file.split for file in files} - {'test'})
        wanted, conflicts = _merged(files, listings)
        jobs = [(split, name, *wanted[split][name]) for split in sorted(wanted) for name in sorted(wanted[split])]
        results = pool.map(lambda job: check_image(job[3] / job[1], width=job[4], height=job[5]), jobs)
        checked = list(progress.shown(results, 'checking images', total=len(jobs)))
    _refuse(conflicts + [result.problem for result in checked if result.problem])
    images: dict[str, list[Image]] = {split: [] for split in wanted}
    for (split, name, identity, folder, _, _), result in zip(jobs, checked, strict=True):
        images[split].append(Image(identity, name, folder / name, result))
    counts = {file: listing.counts for file, listing in zip(files, listings, strict=True)}
    return Source(files, {split: tuple(found) for split, found in images.items()}, counts)


def count(document: Mapping[str, Any]) -> dict[str, int]:
    """How much a COCO document holds."""
    single = [a for a in document['annotations'] if not a.get('iscrowd')]
    return {
        'images': len(document['images']),
        'instances': len(single),
        'crowd_regions': len(document['annotations']) - len(single),
        'labelled_keypoints': sum(v > 0 for a in single for v in a.get('keypoints', ())[2::3]),
    }


@dataclass(frozen=True)
class _Listing:
    problems: list[str]
    images: list[tuple[int, str, int, int]]
    counts: dict[str, int]


def _read_listing(file: AnnotationFile) -> _Listing:
    """What is needed of a document later on: COCO's largest takes gigabytes as objects, so it is not kept."""
    document = read_json(file.path)
    problems = list(record_problems(document, file=file.path))
    if problems:
        return _Listing(problems, [], {})
    images = [(image['id'], image['file_name'], image['width'], image['height']) for image in document['images']]
    return _Listing([], images, count(document))


_Wanted = dict[str, dict[str, tuple[int, Path, int, int]]]


def _merged(files: tuple[AnnotationFile, ...], listings: list[_Listing]) -> tuple[_Wanted, list[str]]:
    """{split: {name: (id, folder, width, height)}} over all files, and where two files disagree."""
    wanted: _Wanted = {file.split: {} for file in files}
    conflicts = []
    for file, listing in zip(files, listings, strict=True):
        for identity, name, width, height in listing.images:
            row = (identity, file.images, width, height)
            if wanted[file.split].setdefault(name, row) != row:
                conflicts.append(
                    f"{file.path}: image {identity} '{name}' has another id or size than in the other annotation files "
                    f'of {file.split}. Make them agree'
                )
    return wanted, conflicts


def _refuse(problems: list[str]) -> None:
    for problem in problems:
        LOG.debug('%s', problem)
    raise_first(problems)


def default_workers() -> int:
    """One worker for each processor that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1

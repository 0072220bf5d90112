"""What is wrong or suspicious in an annotation file and its images, counted by kind."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..datasets.coco_checks import read_json, record_problems
from ..datasets.image_checks import check_image
from ..datasets.instance_checks import EMPTY_IMAGE, LOOSE_BOX, OUTSIDE, SWAPPED, Kind, instance_findings
from ..skeletons import Skeleton
from ..skeletons.animal import ANIMAL
from ..skeletons.apollo import CAR_24, CAR_66
from ..skeletons.cocokp import COCO_PERSON
from ..skeletons.crowdpose import CROWDPOSE_PERSON
from ..skeletons.wholebody import WHOLEBODY
from . import contact_sheet, progress

REPEATED = Kind('id occurs twice', 'two records of a list have the same id')
DAMAGED = Kind('damaged record', 'a loader would refuse it')
NO_SKELETON = Kind('keypoints of no known skeleton', 'no sigmas are known: the category has other keypoints')
NO_IMAGE = Kind('image missing or damaged', 'the file is not there, truncated or no image')
WRONG_SIZE = Kind('image size mismatch', 'the file has another size than its record says')
KINDS = (REPEATED, DAMAGED, NO_SKELETON, NO_IMAGE, WRONG_SIZE, OUTSIDE, SWAPPED, LOOSE_BOX, EMPTY_IMAGE)

_KNOWN = (COCO_PERSON, CROWDPOSE_PERSON, ANIMAL, WHOLEBODY, CAR_24, CAR_66)


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        kind: of it.
        record: e.g. ``annotation 12``.
        image_id: of the image to look at; None if there is none.
        text: problem and remedy where the record needs an explanation.
    """

    kind: Kind
    record: str
    image_id: int | None = None
    text: str = ''


@dataclass(frozen=True)
class Report:
    """All findings about one annotation file.

    Attributes:
        path: of the file.
        images: folder of its images; None if they were not looked at.
        document: its content.
        n_instances: annotations that are no crowds.
        findings: all of them.
    """

    path: Path
    images: Path | None
    document: Mapping[str, Any]
    n_instances: int
    findings: tuple[Finding, ...]

    def of(self, kind: Kind) -> list[Finding]:
        """The findings of one kind."""
        return [finding for finding in self.findings if finding.kind is kind]

    def fails(self, kind: Kind) -> bool:
        """Whether there is more of a kind than photographs have by chance."""
        return len(self.of(kind)) > kind.tolerated * max(self.n_instances, len(self.document['images']))

    @property
    def failed(self) -> bool:
        """Whether the data set needs work."""
        return any(self.fails(kind) for kind in KINDS)


def inspect(path: Path, images: Path | None, *, skeleton: Skeleton | None = None, workers: int = 1) -> Report:
    """Look at every record and every image.

    Args:
        path: annotation file in COCO's format.
        images: folder of its images; None leaves them out.
        skeleton: that the keypoints should be of; None for any that this library knows.
        workers: images to read at a time.

    Raises:
        ValueError: the file is missing or no COCO document.
    """
    document = read_json(path)
    records = list(_records(document, path))
    damaged = {finding.record for finding in records}
    findings = [*records, *_categories(document, skeleton), *_instances(document, damaged)]
    if images is not None:
        findings += _images(document, damaged, images, workers)
    single = [a for a in document['annotations'] if isinstance(a, dict) and not a.get('iscrowd')]
    return Report(path, images, document, len(single), tuple(findings))


def _records(document: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    for line in record_problems(document, file=path):
        text = line.removeprefix(f'{path}: ')
        words = text.split()
        yield Finding(REPEATED if 'occurs twice' in text else DAMAGED, ' '.join(words[:2]), text=text)


def _categories(document: Mapping[str, Any], skeleton: Skeleton | None) -> Iterator[Finding]:
    for category in document['categories']:
        names = category.get('keypoints') if isinstance(category, dict) else None
        if not names or not isinstance(names, list):
            continue
        record = f'category {category.get("id")}'
        if skeleton is None and len(names) not in {len(known.keypoints) for known in _KNOWN}:
            text = f'{record} has {len(names)} keypoints. Declare them in a file and give it with --skeleton'
            yield Finding(NO_SKELETON, record, text=text)
        elif skeleton is not None and tuple(names) != skeleton.names:
            text = f'{record} has the keypoints {", ".join(map(str, names))}, the skeleton {", ".join(skeleton.names)}'
            yield Finding(NO_SKELETON, record, text=f'{text}. Make them agree')


def _instances(document: Mapping[str, Any], damaged: set[str]) -> Iterator[Finding]:
    images = {image['id']: image for image in _sound(document['images'], 'image', damaged)}
    names = {c['id']: c.get('keypoints') or () for c in _sound(document['categories'], 'category', damaged)}
    used = set()
    for annotation in _sound(document['annotations'], 'annotation', damaged):
        used.add(annotation['image_id'])
        if annotation['image_id'] in images:
            image = images[annotation['image_id']]
            for kind in instance_findings(annotation, image, names.get(annotation['category_id'], ())):
                yield Finding(kind, f'annotation {annotation["id"]}', image['id'])
    for image_id in images:
        if document['annotations'] and image_id not in used:
            yield Finding(EMPTY_IMAGE, f'image {image_id}', image_id)


def _images(document: Mapping[str, Any], damaged: set[str], folder: Path, workers: int) -> Iterator[Finding]:
    images = list(_sound(document['images'], 'image', damaged))

    def check(image: Mapping[str, Any]) -> str | None:
        return check_image(folder / image['file_name'], width=image['width'], height=image['height']).problem

    with ThreadPoolExecutor(workers) as pool:
        results = progress.shown(pool.map(check, images), 'checking images', total=len(images))
        for image, problem in zip(images, results, strict=True):
            if problem:
                kind = WRONG_SIZE if 'but its record says' in problem else NO_IMAGE
                yield Finding(kind, f'image {image["id"]}', None if kind is NO_IMAGE else image['id'], problem)


def _sound(records: Iterable[Any], name: str, damaged: set[str]) -> Iterator[Mapping[str, Any]]:
    """The records that nothing is wrong with in themselves."""
    identified = (r for r in records if isinstance(r, dict) and isinstance(r.get('id'), int))
    return (r for r in identified if f'{name} {r["id"]}' not in damaged)


def draw(report: Report, path: Path) -> None:
    """A contact sheet of what was found, the rarest kinds first; of the first images where nothing was.

    Raises:
        ValueError: no image can be drawn.
    """
    assert report.images is not None
    kinds = sorted((k for k in KINDS if k is not EMPTY_IMAGE and report.of(k)), key=lambda k: len(report.of(k)))
    wanted = [f.image_id for kind in kinds for f in report.of(kind)[:8] if f.image_id is not None]
    images = {i['id']: i for i in report.document['images'] if isinstance(i, dict) and isinstance(i.get('id'), int)}
    wanted += list(images)[: 16 - len(wanted)] if not wanted else []
    pictures = [_picture(report, images[image_id]) for image_id in dict.fromkeys(wanted)]
    readable = [picture for picture in pictures if picture is not None]
    if not readable:
        raise ValueError(f'no image of {report.path} can be drawn. Leave out --contact-sheet')
    contact_sheet.save(path, readable)


def _picture(report: Report, image: Mapping[str, Any]) -> contact_sheet.Image | None:
    """An image with its annotations; None if it cannot be read."""
    assert report.images is not None
    pixels = cv2.imread(str(report.images / image['file_name']), cv2.IMREAD_COLOR)
    if pixels is None:
        return None
    drawn = np.asarray(pixels, np.uint8)
    damaged = {finding.record for finding in report.findings if finding.kind in (REPEATED, DAMAGED)}
    for annotation in _sound(report.document['annotations'], 'annotation', damaged):
        if annotation['image_id'] == image['id'] and 'bbox' in annotation:
            contact_sheet.draw_annotation(drawn, dict(annotation), list(report.document['categories']))
    return drawn


def table(report: Report, *, examples: int = 4) -> Sequence[str]:
    """Lines for a person: each kind with its count and records to look at; below a problem, what it is."""
    lines = [f'{report.path}: {len(report.document["images"])} images, {report.n_instances} instances']
    for kind in KINDS:
        found = report.of(kind)
        if not found and kind in (NO_IMAGE, WRONG_SIZE) and report.images is None:
            lines.append(f'  {kind.name:33} not checked')
            continue
        names = ', '.join(finding.record for finding in found[:examples]) + (', ...' if len(found) > examples else '')
        verdict = 'PROBLEM' if report.fails(kind) else 'ok' if not found else 'tolerated'
        lines.append(f'  {kind.name:33} {len(found):7}  {verdict:9}  {names}'.rstrip())
        if verdict == 'PROBLEM':
            lines.append(f'    {found[0].text or kind.rule}')
    return lines


def to_json(report: Report) -> str:
    """The same for a program."""
    kinds = {
        kind.name: {'count': len(report.of(kind)), 'rule': kind.rule, 'problem': report.fails(kind),
                    'records': [finding.record for finding in report.of(kind)]}
        for kind in KINDS
    }  # fmt: skip
    return json.dumps({'file': str(report.path), 'kinds': kinds})

"""Many synthetic images as a folder in COCO's layout, rendered by several processes."""

import functools
import json
import multiprocessing
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from ...options import option
from ...skeletons.cocokp import COCO_PERSON
from .picture import render

VERSION = 1  # of the generator: another number means other images for the same seed
_QUALITY = 92
_CHUNK = 4


@dataclass(frozen=True)
class SyntheticOptions:
    """Synthetic people (for --source=synthetic).

    Attributes:
        n_images: how many.
        seed: image i is a function of the seed, i and the size, and of nothing else.
        size: width x height in pixels.
    """

    n_images: int = option(1000, 'number of images')
    seed: int = option(0, 'the same seed gives the same bytes')
    size: str = option('640x480', 'width x height in pixels', metavar='WxH')

    def __post_init__(self) -> None:
        if self.n_images < 1:
            raise ValueError(f'--n-images {self.n_images} is too few. Give 1 or more')
        if not 0 <= self.seed < 2**64:
            raise ValueError(f'--seed {self.seed} is out of range. Give a number from 0 to 2^64 - 1')
        match = re.fullmatch(r'(\d+)x(\d+)', self.size)
        if match is None or not all(64 <= int(side) <= 4096 and int(side) % 2 == 0 for side in match.groups()):
            raise ValueError(f"--size '{self.size}' cannot be drawn. Give even sides from 64 to 4096, e.g. 640x480")

    @property
    def width_height(self) -> tuple[int, int]:
        """The size as numbers."""
        width, _, height = self.size.partition('x')
        return int(width), int(height)


def write(options: SyntheticOptions, folder: Path, *, workers: int) -> Iterator[int]:
    """Write ``images/train2017/`` and ``annotations/person_keypoints_train2017.json``; yield after each image.

    Args:
        options: what to render.
        folder: an existing folder.
        workers: processes; their number changes nothing in the files.
    """
    images = folder / 'images' / 'train2017'
    images.mkdir(parents=True)
    job = functools.partial(_render, images, options.seed, options.width_height)
    annotations: list[dict[str, Any]] = []
    for index, found in enumerate(_mapped(job, range(options.n_images), workers)):
        annotations += found
        yield index
    path = folder / 'annotations' / 'person_keypoints_train2017.json'
    path.parent.mkdir()
    path.write_text(json.dumps(document(options, annotations), separators=(',', ':')))


def document(options: SyntheticOptions, annotations: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The COCO document of rendered images."""
    width, height = options.width_height
    sizes = {'width': width, 'height': height}
    person = {
        'id': 1,
        'name': 'person',
        'supercategory': 'person',
        'keypoints': list(COCO_PERSON.names),
        'skeleton': [[a + 1, b + 1] for a, b in COCO_PERSON.connections],
    }
    return {
        'info': {'description': 'synthetic people', 'version': str(VERSION), 'seed': options.seed},
        'licenses': [],
        'images': [{'id': i + 1, 'file_name': file_name(i), **sizes} for i in range(options.n_images)],
        'annotations': list(annotations),
        'categories': [person],
    }


def file_name(index: int) -> str:
    """Name of an image, after its id, in COCO's fashion."""
    return f'{index + 1:012d}.jpg'


def _render(images: Path, seed: int, size: tuple[int, int], index: int) -> list[dict[str, Any]]:
    image, annotations = render(seed=seed, index=index, size=size, image_id=index + 1)
    done, content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done, 'any image of bytes can be encoded'
    (images / file_name(index)).write_bytes(content.tobytes())
    return annotations


def _mapped(job: Callable[[int], list[dict[str, Any]]], items: range, workers: int) -> Iterator[list[dict[str, Any]]]:
    """``job`` of each item, in order, by ``workers`` processes; by this one if that is enough."""
    workers = min(workers, -(-len(items) // _CHUNK))
    if workers <= 1:
        yield from map(job, items)
        return
    context = multiprocessing.get_context('spawn')  # fork is unsafe where threads run
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,))
    try:
        yield from pool.map(job, items, chunksize=_CHUNK)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

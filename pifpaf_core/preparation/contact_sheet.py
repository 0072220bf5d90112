"""Sixteen images of a prepared data set on one, with what is annotated in them."""

import errno
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .. import files
from .output import document_name, image_name

Image = npt.NDArray[np.uint8]
_SIDE = 4
_TILE = (320, 240)
_LEFT, _RIGHT, _MIDDLE = (255, 160, 60), (60, 200, 60), (60, 220, 250)
_BOX, _CROWD = (0, 220, 255), (255, 60, 255)


def write(folder: Path, path: Path, *, drawn: bool = True) -> None:
    """Draw the first images of a prepared data set's training split.

    Connections are blue on the person's left, green on the right. A visible keypoint is a disc, a hidden one a circle.
    People have yellow boxes and crowd regions magenta ones.

    Args:
        folder: the data set.
        path: a ``.jpg`` or ``.png``.
        drawn: whether the annotations are drawn, too.
    """
    document = json.loads((folder / document_name('person_keypoints', 'train')).read_bytes())
    tiles: list[Image] = []
    for image in document['images'][: _SIDE**2]:
        pixels = np.asarray(cv2.imread(str(folder / image_name('train', image['file_name'])), cv2.IMREAD_COLOR))
        if drawn:
            for annotation in document['annotations']:
                if annotation['image_id'] == image['id']:
                    draw_annotation(pixels, annotation, document['categories'])
        tiles.append(pixels)
    save(path, tiles)


def save(path: Path, pictures: Sequence[Image]) -> None:
    """Write up to sixteen pictures, BGR, side by side to a ``.jpg`` or ``.png``."""
    tiles = [_fitted(picture) for picture in pictures[: _SIDE**2]]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _SIDE)
    sheet = np.vstack([np.hstack(tiles[row : row + _SIDE]) for row in range(0, len(tiles), _SIDE)])
    done, content = cv2.imencode(path.suffix, sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done, 'the suffix was checked'
    files.write_atomically(path, content.tobytes())


def check_path(path: str) -> None:
    """Raise ``ValueError`` unless a contact sheet can be written in the format that the name asks for."""
    if Path(path).suffix.lower() not in ('.jpg', '.jpeg', '.png'):
        raise ValueError(f"--contact-sheet '{path}' has no image format. Name it .jpg or .png")


def check_place(path: Path) -> None:
    """Raise ``OSError`` unless a file can be made at ``path``; for use before long work."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, 'it is a folder')
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f'{path} cannot be written ({error.strerror}). Choose another --contact-sheet or mend its rights'
        ) from None


def draw_annotation(image: Image, annotation: dict[str, Any], categories: list[dict[str, Any]]) -> None:
    """Draw one COCO annotation onto an image."""
    category = next(c for c in categories if c['id'] == annotation['category_id'])
    x, y, width, height = (round(v) for v in annotation['bbox'])
    colour = _CROWD if annotation.get('iscrowd') else _BOX
    cv2.rectangle(image, (x, y), (x + width, y + height), colour, 1)
    names = category.get('keypoints', [])
    keypoints = np.array(annotation.get('keypoints', [])).reshape(-1, 3)
    for a, b in category.get('skeleton', []):
        if (keypoints[[a - 1, b - 1], 2] > 0).all():
            ends = [tuple(np.rint(keypoints[k - 1, :2]).astype(int).tolist()) for k in (a, b)]
            cv2.line(image, ends[0], ends[1], _colour(names[a - 1], names[b - 1]), 2, cv2.LINE_AA)
    for name, (u, v, seen) in zip(names, keypoints, strict=False):
        if seen:
            centre = round(u), round(v)
            cv2.circle(image, centre, 3, _colour(name, name), -1 if seen == 2 else 1, cv2.LINE_AA)


def _colour(a: str, b: str) -> tuple[int, int, int]:
    if 'left' in a and 'left' in b:
        return _LEFT
    return _RIGHT if 'right' in a and 'right' in b else _MIDDLE


def _fitted(image: Image) -> Image:
    """The image on a black tile, as large as it fits."""
    scale = min(_TILE[0] / image.shape[1], _TILE[1] / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[: _TILE[1], : _TILE[0]]
    tile = np.zeros((_TILE[1], _TILE[0], 3), np.uint8)
    y, x = (_TILE[1] - small.shape[0]) // 2, (_TILE[0] - small.shape[1]) // 2
    tile[y : y + small.shape[0], x : x + small.shape[1]] = small
    return tile

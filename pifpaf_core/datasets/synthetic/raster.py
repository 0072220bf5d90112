"""Drawing meshes: faces from far to near into a buffer of face numbers at twice the resolution, then light on it.

One buffer says which face each subpixel shows; colour, depth, and whom it belongs to follow from tables. So outlines,
areas and occlusion are those of the image, not estimates. (OpenCV also fills the subpixels that an outline touches:
everything is drawn about a quarter of a pixel larger on each side.)
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .camera import Camera
from .faces import SCALE, SHIFT, Faces, Light, visible
from .mesh import Mesh

Array = npt.NDArray[np.float64]
_UNIT = 160  # brightness 1 as a uint8; the brightest that can be is 1.6
_NOBODY = np.zeros(1, np.uint8)


@dataclass(frozen=True)
class Drawing:
    """What was drawn.

    Attributes:
        colour: [h, w, 3] uint8, premultiplied by coverage, of the part of the image where anything was drawn.
        coverage: [h, w] uint8, 255 where meshes hide the background.
        region: rows and columns of that part in the image.
        faces: [2H, 2W] int32, number of the face that each subpixel shows; 0 for the background.
        owner: [n] uint8, whose each face is; 0 is the background.
        depth: [n] float64, metres to each face; infinity for the background.
        extents: {owner: (left, top, right, bottom)} of subpixels that may show it.
    """

    colour: npt.NDArray[np.uint8]
    coverage: npt.NDArray[np.uint8]
    region: tuple[slice, slice]
    faces: npt.NDArray[np.int32]
    owner: npt.NDArray[np.uint8]
    depth: Array
    extents: dict[int, tuple[int, int, int, int]]


def draw(meshes: list[tuple[int, Mesh]], camera: Camera, light: Light) -> Drawing:
    """Draw ``meshes``, pairs of owner (1 to 255) and mesh, by ascending owner."""
    faces = visible(meshes, camera, light)
    buffer = np.zeros((camera.size[1] * SCALE, camera.size[0] * SCALE), np.int32)
    polygons = [*faces.quads, *faces.patches]
    for number in np.argsort(-faces.order, kind='stable').tolist():
        cv2.fillConvexPoly(buffer, polygons[number], number + 1, cv2.LINE_8, SHIFT)
    return _shaded(buffer, faces)


def _shaded(buffer: npt.NDArray[np.int32], faces: Faces) -> Drawing:
    """Look every subpixel's colour up in the tables, then light each pixel, as brightness changes slowly."""
    owner, depth = np.concatenate([_NOBODY, faces.owner]), np.concatenate([[np.inf], faces.depth])
    table = np.zeros((len(owner), 4), np.uint8)
    table[1:, :3], table[1:, 3] = np.clip(faces.colour, 0, 255), 255
    height, width = buffer.shape
    extents = _extents(faces, width, height)
    region = _union(extents)
    part = buffer[tuple(slice(s.start * SCALE, s.stop * SCALE) for s in region)]
    packed = np.take(table.view(np.uint32)[:, 0], part, mode='clip')  # quicker than checking the numbers
    pixels = packed.view(np.uint8).reshape(*part.shape, 4)
    if part.size == 0:
        return Drawing(np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.uint8), region, buffer, owner, depth, extents)
    small = cv2.resize(pixels, None, fx=1 / SCALE, fy=1 / SCALE, interpolation=cv2.INTER_AREA)
    colour, coverage = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGRA2BGR)), np.asarray(cv2.extractChannel(small, 3))
    brightness = _brightness(part, faces, (region[1].start * SCALE, region[0].start * SCALE))
    cv2.multiply(colour, cv2.merge([brightness] * 3), colour, 1 / _UNIT)
    return Drawing(colour, coverage, region, buffer, owner, depth, extents)


def _union(extents: dict[int, tuple[int, int, int, int]]) -> tuple[slice, slice]:
    """Rows and columns of the pixels that anything touches."""
    if not extents:
        return slice(0, 0), slice(0, 0)
    left, top, right, bottom = np.array(list(extents.values())).T
    rows = slice(int(top.min()) // SCALE, -(-int(bottom.max()) // SCALE))
    return rows, slice(int(left.min()) // SCALE, -(-int(right.max()) // SCALE))


def _extents(faces: Faces, width: int, height: int) -> dict[int, tuple[int, int, int, int]]:
    owners = faces.owner[: len(faces.quads)]  # in ascending order
    if len(owners) == 0:
        return {}
    starts = np.flatnonzero(np.diff(owners, prepend=np.uint8(0)))
    x, y = (np.ascontiguousarray(faces.quads[..., k].T) >> SHIFT for k in (0, 1))
    low = [np.minimum.reduceat(functools.reduce(np.minimum, axis), starts) - 1 for axis in (x, y)]
    high = [np.maximum.reduceat(functools.reduce(np.maximum, axis), starts) + 3 for axis in (x, y)]
    left, top, right, bottom = (
        np.clip(edge, 0, limit).tolist() for edge, limit in zip(low + high, (width, height) * 2, strict=True)
    )
    corners = zip(left, top, right, bottom, strict=True)
    boxes = dict(zip(owners[starts].tolist(), corners, strict=True))
    return {owner: box for owner, box in boxes.items() if box[0] < box[2] and box[1] < box[3]}


def _brightness(part: npt.NDArray[np.int32], faces: Faces, origin: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """[h, w] light on what each pixel shows, in units of 1 / `_UNIT`; from one of the faces it shows.

    ``origin`` is the x, y of the part's first subpixel.
    """
    number = np.maximum(part[::SCALE, ::SCALE], part[1::SCALE, 1::SCALE]).astype(np.intp)
    table = np.zeros((3, len(faces.shade) + 1), np.float32)
    table[0, 0], table[:, 1:] = _UNIT, _UNIT * faces.shade.T
    x = np.float32(origin[0] + (SCALE - 1) / 2) + SCALE * np.arange(number.shape[1], dtype=np.float32)
    y = np.float32(origin[1] + (SCALE - 1) / 2) + SCALE * np.arange(number.shape[0], dtype=np.float32)
    light = np.take(table[1], number) * x
    light += np.take(table[2], number) * y[:, None]
    light += np.take(table[0], number)
    np.clip(light, 0.05 * _UNIT, 255, out=light)
    return np.asarray(light.astype(np.uint8))

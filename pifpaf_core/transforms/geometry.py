"""Affine geometry: 3x3 matrices on pixel coordinates, applied to points and boxes. FIELDS sections 1 and 9.

A matrix maps x, y of the pixels before to those after; pixel centres lie at integers. Matrices multiply, later ones
from the left, so that an image is resampled once however many steps there are.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth

Array = npt.NDArray[Any]
Size = tuple[int, int]


def translation(x: float, y: float) -> Array:
    """Shift by x, y pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(size: Size, new_size: Size) -> Array:
    """Resize an image of ``size`` (width, height), corner pixel centre onto corner pixel centre."""
    sx, sy = ((new - 1) / (old - 1) if old > 1 else 1.0 for old, new in zip(size, new_size, strict=True))
    return np.diag([sx, sy, 1.0])


def mirroring(width: int) -> Array:
    """Exchange left and right: x' = width - 1 - x."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def rotation(angle: float, size: Size, new_size: Size) -> Array:
    """Turn counter-clockwise on screen by ``angle`` degrees, from the centre of ``size`` to the centre of ``new_size``.

    Multiples of 90 degrees are exact.
    """
    cos, sin = _cos_sin(angle)
    (cx, cy), (tx, ty) = (((w - 1) / 2, (h - 1) / 2) for w, h in (size, new_size))
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    matrix: Array = translation(tx, ty) @ turn @ translation(-cx, -cy)
    return matrix


def rotated_size(angle: float, size: Size) -> Size:
    """Width and height that hold all of an image of ``size`` turned by ``angle`` degrees (FIELDS section 9, step 5)."""
    cos, sin = map(abs, _cos_sin(angle))
    w, h = size
    if {cos, sin} == {0.0, 1.0}:
        return (h, w) if sin else (w, h)
    return int(w * cos + h * sin) + 1, int(h * cos + w * sin) + 1


def _cos_sin(angle: float) -> tuple[float, float]:
    exact = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}.get(angle % 360.0)
    return exact or (math.cos(math.radians(angle)), math.sin(math.radians(angle)))


def map_points(matrix: Array, xy: Array) -> Array:
    """Points [..., 2] through an affine matrix [3, 3]."""
    mapped: Array = xy @ matrix[:2, :2].T + matrix[:2, 2]
    return mapped


def map_boxes(matrix: Array, boxes: Array) -> Array:
    """The boxes [N, 4] xywh around the mapped corners of boxes [N, 4]."""
    size = boxes[:, 2:] @ np.abs(matrix[:2, :2].T)
    return np.concatenate([map_points(matrix, boxes[:, :2] + boxes[:, 2:] / 2) - size / 2, size], axis=1)


def clip_boxes(boxes: Array, area: Array) -> Array:
    """Boxes [N, 4] cut to ``area`` [4], both xywh; width and height become 0 or negative where nothing is left."""
    low = np.maximum(boxes[:, :2], area[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], area[:2] + area[2:])
    return np.concatenate([low, high - low], axis=-1)


def map_truth(matrix: Array, truth: GroundTruth, *, mirror: tuple[int, ...] | None = None) -> GroundTruth:
    """Ground truth through a matrix; keypoints that are not labelled are moved too.

    Args:
        matrix: [3, 3].
        truth: in pixels before.
        mirror: of the skeleton, if the image was mirrored: keypoint i takes the place of keypoint ``mirror[i]``, but
            not in crowd regions.
    """
    keypoints = truth.keypoints.copy()
    keypoints[..., :2] = map_points(matrix, keypoints[..., :2])
    if mirror is not None:
        keypoints = np.where(truth.crowd[:, None, None], keypoints, keypoints[:, list(mirror)])
    return GroundTruth(keypoints, map_boxes(matrix, truth.boxes), truth.crowd, truth.categories)

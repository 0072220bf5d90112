"""Regions of a target: where nothing is known about the image, and what must be ignored (FIELDS section 4)."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import jit

Array = npt.NDArray[Any]

IGNORED_DISTANCE = 1.0  # cells: in an ignored region only keypoints nearer than this make a target


def field_shape(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Height and width in cells of a field over an image of ``size`` (width, height) pixels (FIELDS section 1)."""
    return (size[1] - 1) // stride + 1, (size[0] - 1) // stride + 1


def known_window(valid_area: Array | None, stride: int, shape: tuple[int, int]) -> Array:
    """[4] int64 x0, y0, x1, y1: the half-open rectangle of cells inside ``valid_area`` (x, y, w, h in pixels).

    Outside, the image is padding: confidence 0 and nothing else. None means that all of the image is valid.
    """
    height, width = shape
    if valid_area is None:
        return np.array([0, 0, width, height], np.int64)
    x, y, w, h = (value / stride for value in np.asarray(valid_area, np.float64).tolist())
    return np.array([
        min(width, max(0, int(x))), min(height, max(0, int(y))),
        min(width, max(0, math.ceil(x + w) + 1)), min(height, max(0, math.ceil(y + h) + 1)),
    ], np.int64)


@jit
def ignored_rectangles(boxes: Array, stride: float, margin: float, height: int, width: int) -> Array:
    """[M, 4] int64 x0, y0, x1, y1: half-open rectangles of cells under ``boxes`` [M, 4] (pixels) grown by ``margin``.

    A box beyond the border still covers one column or row.
    """
    rectangles = np.empty((len(boxes), 4), np.int64)
    for i in range(len(boxes)):
        for axis in range(2):
            n_cells = width if axis == 0 else height
            low = boxes[i, axis] / stride - margin
            high = (boxes[i, axis] + boxes[i, axis + 2]) / stride + margin
            first = min(max(int(low), 0), n_cells - 1)
            rectangles[i, axis] = first
            rectangles[i, axis + 2] = min(max(int(math.ceil(high)) + 1, first + 1), n_cells)  # noqa: RUF046 numba's ceil is float
    return rectangles


@jit
def clear(field: Array, confidence: int, distance: Array) -> None:
    """Make a field [T, H, W] background: component ``confidence`` 0, the others NaN; ``distance`` [H, W] infinite."""
    for component in range(len(field)):
        field[component] = 0.0 if component == confidence else np.nan
    distance[:] = np.inf


@jit
def ignore(confidence: Array, distance: Array, rectangle: Array, window: Array) -> None:
    """Ignore a rectangle of cells of ``confidence`` [H, W], as far as it lies in ``window``: NaN."""
    for y in range(max(rectangle[1], window[1]), min(rectangle[3], window[3])):
        for x in range(max(rectangle[0], window[0]), min(rectangle[2], window[2])):
            confidence[y, x] = np.nan
            distance[y, x] = IGNORED_DISTANCE

"""The grid of cells of a target, and its regions: what is padding, what must be ignored (FIELDS sections 1 and 4)."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..headmeta import Layout
from ..kernels import jit

Array = npt.NDArray[Any]

IGNORED_DISTANCE = 1.0  # cells: in an ignored region only what is nearer than this makes a target


class Region(NamedTuple):
    """Half-open rectangles of cells x0, y0, x1, y1.

    Attributes:
        window: [4] int64, what is image and no padding. Nothing is marked outside.
        ignored: [M, 4] int64, what is ignored unless a target is near.
    """

    window: Array
    ignored: Array


def field_shape(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Height and width in cells of a field over an image of ``size`` (width, height) pixels."""
    return (size[1] - 1) // stride + 1, (size[0] - 1) // stride + 1


def background(layout: Layout, n_fields: int, shape: tuple[int, int]) -> Array:
    """Targets [F, T, H, W] float32 without anything: confidence 0, the rest NaN."""
    fields = np.empty((n_fields, layout.n_components, *shape), np.float32)
    _clear(fields, layout.confidence)
    return fields


@jit
def _clear(fields: Array, confidence: int) -> None:
    """Write each component once; this is most of the time that few people take."""
    for f in range(fields.shape[0]):
        for component in range(fields.shape[1]):
            fields[f, component] = 0.0 if component == confidence else np.nan


def known_window(valid_area: Array | None, stride: int, shape: tuple[int, int]) -> Array:
    """The cells [4] inside ``valid_area`` (x, y, w, h in pixels); None stands for the whole image. See `Region`."""
    height, width = shape
    if valid_area is None:
        return np.array([0, 0, width, height], np.int64)
    x, y, w, h = (value / stride for value in np.asarray(valid_area, np.float64).tolist())
    ends = math.ceil(x + w) + 1, math.ceil(y + h) + 1
    limits = zip((int(x), int(y), *ends), (width, height, width, height), strict=True)
    return np.array([min(limit, max(0, cell)) for cell, limit in limits], np.int64)


@jit
def ignored_cells(boxes: Array, stride: float, margin: float, height: int, width: int) -> Array:
    """The cells [M, 4] under ``boxes`` [M, 4] (x, y, w, h in pixels) grown by ``margin`` cells. See `Region`.

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
            rectangles[i, axis + 2] = min(max(int(np.ceil(high)) + 1, first + 1), n_cells)
    return rectangles


@jit
def ignore(confidence: Array, distance: Array, rectangle: Array, window: Array) -> None:
    """Ignore a rectangle of one field's ``confidence`` and ``distance`` [H, W], as far as it lies in ``window``."""
    for y in range(max(rectangle[1], window[1]), min(rectangle[3], window[3])):
        for x in range(max(rectangle[0], window[0]), min(rectangle[2], window[2])):
            confidence[y, x] = np.nan
            distance[y, x] = IGNORED_DISTANCE

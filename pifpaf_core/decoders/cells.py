"""Cells: where a Cif or CifDet field is confident. What is not is read once and never again."""

from typing import Any, NamedTuple

import numpy as np

from ..annotation import Array
from ..headmeta import Cif, CifDet
from ..kernels import jit_in_place

Real = Any
"""A float32 within a kernel. mypy knows numpy's scalars, but not what numba makes of them."""

CELL = np.dtype(
    [
        ('confidence', 'f4'),
        ('x', 'f4'),  # where it points, in pixels
        ('y', 'f4'),
        ('width', 'f4'),  # of what is there, in pixels; a keypoint is as high as it is wide
        ('height', 'f4'),
        ('field', 'i4'),
        ('place', 'i4'),  # in the high-resolution map, see `cifhr.reserve`
        ('score', 'f4'),  # as a seed
    ]
)
_FAR = np.float32(1e6)  # cells; beyond, a regression is not a place


class Channels(NamedTuple):
    """Where a kernel finds the components of a Cif or CifDet field.

    Attributes:
        confidence: of the cell.
        x: of the place; y follows.
        width: of what is there.
        height: of what is there.
    """

    confidence: int
    x: int
    width: int
    height: int


class Cells(NamedTuple):
    """The confident cells of all fields, in row-major order; those of field f from ``start[f]`` to ``start[f + 1]``.

    Attributes:
        records: [S] of `CELL`.
        start: [F + 1] int64.
    """

    records: Array
    start: Array


def channels_of(meta: type[Cif] | type[CifDet]) -> Channels:
    """Where the components of a type of head are."""
    layout = meta.prediction
    if issubclass(meta, CifDet):
        width = layout.vector(1).start
        return Channels(layout.confidence, layout.vector(0).start, width, width + 1)
    return Channels(layout.confidence, layout.vector(0).start, layout.scale(0), layout.scale(0))


def cells(F: int, N: int) -> Cells:
    """Memory for F fields of N cells."""
    return Cells(np.empty(F * N, CELL), np.empty(F + 1, np.int64))


@jit_in_place
def find_cells(field: Array, channels: Channels, threshold: Real, stride: int, cells: Cells) -> None:
    """Collect the cells with at least this confidence; not those whose regression is no number.

    Args:
        field: [F, C, H, W] float32 in inference layout, in cells.
        channels: where its components are.
        threshold: on the confidence.
        stride: pixels a cell.
        cells: is filled.
    """
    F, _, H, W = field.shape
    scale = np.float32(stride)
    n = 0
    for f in range(F):
        cells.start[f] = n
        for j in range(H):
            if not has_confident(field[f, channels.confidence, j], np.float32(threshold)):
                continue
            for i in range(W):
                confidence, x, y = (
                    field[f, channels.confidence, j, i],
                    field[f, channels.x, j, i],
                    field[f, channels.x + 1, j, i],
                )
                if confidence >= np.float32(threshold) and is_place(x, y):
                    cell = cells.records[n]
                    cell.confidence, cell.x, cell.y, cell.field = confidence, x * scale, y * scale, f
                    cell.width = field[f, channels.width, j, i] * scale
                    cell.height = field[f, channels.height, j, i] * scale
                    n += 1
    cells.start[F] = n


@jit_in_place
def has_confident(row: Array, threshold: Real) -> bool:
    """Whether a row [W] of confidences has one of at least this size. Vectorized: most rows have none."""
    hits = 0
    for i in range(len(row)):
        hits += row[i] >= threshold
    return hits > 0


@jit_in_place
def is_place(x: Real, y: Real) -> bool:
    """Whether a regression in cells is a number that can be a place; false for NaN."""
    return bool(abs(x) < _FAR and abs(y) < _FAR)

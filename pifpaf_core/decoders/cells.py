"""Cells: where a field is confident. What is not is read once and never again."""

from typing import Any, NamedTuple

import numpy as np

from ..annotation import Array
from ..headmeta import Cif, CifDet
from ..kernels import jit_in_place

Real = Any
"""A float32 within a kernel. mypy knows numpy's scalars, but not what numba makes of them."""

_FAR = np.float32(1e6)  # cells; beyond, a regression is not a place


class Channels(NamedTuple):
    """Where a kernel finds the components of a Cif or CifDet field.

    Attributes:
        confidence: of the cell.
        x: of the place; y follows.
        size: the component of the size, or those of width and height, of which the smaller one is the size.
        sigma: standard deviation of a cell's votes as a share of its size.
    """

    confidence: int
    x: int
    size: tuple[int, int]
    sigma: float


class Cells(NamedTuple):
    """The confident cells of each field, in row-major order; of field f the first ``counts[f]``.

    Attributes:
        indices: [F, N] int32, flat index of the cell.
        places: [F, N, ends] int32, where the cell points, see `cifhr.reserve`; a Caf cell points to two ends.
        counts: [F] int64.
    """

    indices: Array
    places: Array
    counts: Array


def channels_of(meta: type[Cif] | type[CifDet]) -> Channels:
    """Where the components of a type of head are."""
    layout = meta.prediction
    if issubclass(meta, CifDet):
        width = layout.vector(1).start
        return Channels(layout.confidence, layout.vector(0).start, (width, width + 1), 0.1)
    return Channels(layout.confidence, layout.vector(0).start, (layout.scale(0), layout.scale(0)), 0.5)


def cells(F: int, N: int, ends: int = 1) -> Cells:
    """Memory for F fields of N cells."""
    return Cells(np.empty((F, N), np.int32), np.empty((F, N, ends), np.int32), np.empty(F, np.int64))


@jit_in_place
def find_cells(field: Array, confidence: int, x: int, threshold: Real, cells: Cells, first: int) -> None:
    """Collect the cells with at least this confidence; not those whose regression is no number.

    Args:
        field: [F, C, H, W] float32 in inference layout, in cells.
        confidence: its component.
        x: component of a place; y follows.
        threshold: on the confidence.
        cells: is filled, field f at ``first + f``.
        first: see there.
    """
    F, _, H, W = field.shape
    least = np.float32(threshold)
    for f in range(F):
        n = 0
        found = cells.indices[first + f]
        for j in range(H):
            row = field[f, confidence, j]
            hits = 0
            for i in range(W):  # vectorized: most rows have none
                hits += row[i] >= least
            if hits == 0:
                continue
            for i in range(W):
                if row[i] >= least and is_place(field[f, x, j, i], field[f, x + 1, j, i]):
                    found[n] = j * W + i
                    n += 1
        cells.counts[first + f] = n


@jit_in_place
def is_place(x: Real, y: Real) -> bool:
    """Whether a regression in cells is a number that can be a place; false for NaN."""
    return bool(abs(x) < _FAR and abs(y) < _FAR)

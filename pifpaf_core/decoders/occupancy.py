"""Occupancy: the places that keypoints take, one bit for each 2 x 2 pixels (FIELDS section 12, rule 7)."""

from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .cells import Real

_HALF = np.float32(0.5)
_LEAST = np.float32(2.0)  # cells to either side that the smallest keypoint takes
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


class Occupancy(NamedTuple):
    """The taken places of one image.

    Attributes:
        bits: [F, rows, columns / 64] uint64, cells of half the resolution, 64 in a word.
        size: columns and rows in cells.
    """

    bits: Array
    size: tuple[int, int]


def occupancy(F: int, width: int, height: int) -> Occupancy:
    """Memory for F fields over an image of this size in pixels."""
    columns, rows = cells_of(width, height)
    return Occupancy(np.empty((F, rows, (columns + 63) // 64), np.uint64), (columns, rows))


def cells_of(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of an image of this size in pixels."""
    return width // 2 + 1, height // 2 + 1


@jit_in_place
def clear(occupancy: Occupancy) -> None:
    """Take no place."""
    occupancy.bits[:] = 0


@jit_in_place
def is_occupied(occupancy: Occupancy, f: int, x: Real, y: Real) -> bool:
    """Whether the cell of x, y in pixels, or the one nearest to it on the border, is taken."""
    columns, rows = occupancy.size
    column = min(max(int(x * _HALF), 0), columns - 1)
    row = min(max(int(y * _HALF), 0), rows - 1)
    return bool((occupancy.bits[f, row, column >> 6] >> np.uint64(column & 63)) & np.uint64(1))


@jit_in_place
def occupy(occupancy: Occupancy, f: int, x: Real, y: Real, size: Real) -> None:
    """Take the square around x, y of half side ``size`` pixels, at least 4; one cell of the border if it is outside."""
    columns, rows = occupancy.size
    half = max(_LEAST, size * _HALF)
    x0, x1 = _extent(x * _HALF, half, columns)
    y0, y1 = _extent(y * _HALF, half, rows)
    for word in range(x0 >> 6, ((x1 - 1) >> 6) + 1):
        low, high = max(x0 - (word << 6), 0), min(x1 - (word << 6), 64)
        mask = (_ALL >> np.uint64(64 - (high - low))) << np.uint64(low)
        for row in range(y0, y1):
            occupancy.bits[f, row, word] |= mask


@jit_in_place
def _extent(centre: Real, half: Real, size: int) -> tuple[int, int]:
    low = min(max(int(centre - half), 0), size - 1)
    return low, min(max(int(centre + half), low + 1), size)

"""CifHr: the high-resolution confidence map for which all cells of a field vote (FIELDS section 12, rule 1).

The map has one value a pixel and field, yet decoding reads it only where cells point. So these places are reserved
first, and votes for others are not counted. Memory is a stack of tiles, and a table says which tile holds which part of
the map. A tile is taken from the stack, and zeroed, when a place in it is first reserved. Nothing that a buffer held
before can show in a result, nothing is cleared that is not used, and images use the same small piece of memory one
after the other.
"""

from typing import Any, NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .cells import Cells, Real

MAX_VOTED_PIXELS = 30_000_000
"""Pixels that the cells of an image may vote for, all together. Fifty people of COCO's usual sizes take two million.
Beyond, the least confident cells do not vote."""

TILE_WIDTH, TILE_HEIGHT = 8, 16  # pixels; a row of a tile is one vector of the processor
_X_SHIFT, _Y_SHIFT, _SHIFT = 3, 4, 7  # logarithms of width, height and their product
_TILE_SIZE = np.uint64(TILE_WIDTH * TILE_HEIGHT)
_COLUMNS = np.tile(np.arange(TILE_WIDTH, dtype=np.float32), TILE_HEIGHT)  # of each pixel of a tile
_ROWS = np.repeat(np.arange(TILE_HEIGHT, dtype=np.float32), TILE_WIDTH)
_LEVELS = 256  # of confidence, when the least confident cells must be left out
_VOTERS = np.float32(16.0)  # cells that together vote with full weight
_ZERO, _QUARTER, _HALF, _ONE = np.float32(0.0), np.float32(0.25), np.float32(0.5), np.float32(1.0)
_LARGE = np.float32(1e6)  # pixels; no cell's size is larger


class HighResolution(NamedTuple):
    """The map of one image, and the memory for it.

    Attributes:
        tiles: [tiles, TILE_WIDTH * TILE_HEIGHT] float32, pixels row by row.
        rows: [tiles, 2] int64, the first reserved row of each tile and the one behind the last.
        table: [F, rows of tiles, columns of tiles] int32, number of the tile, or -1.
        used: [1] int64, tiles in use.
        levels: [256] int64, memory for counting.
        size: width and height of the map in pixels.
    """

    tiles: Array
    rows: Array
    table: Array
    used: Array
    levels: Array
    size: tuple[int, int]


def high_resolution(F: int, width: int, height: int) -> HighResolution:
    """Memory for a map of F fields. The system gives pages only for tiles that are used."""
    table = np.empty((F, -(-height // TILE_HEIGHT), -(-width // TILE_WIDTH)), np.int32)
    return HighResolution(
        np.empty((table.size, TILE_WIDTH * TILE_HEIGHT), np.float32), np.empty((table.size, 2), np.int64), table,
        np.empty(1, np.int64), np.empty(_LEVELS, np.int64), (width, height),
    )  # fmt: skip


@jit_in_place
def start_map(hr: HighResolution) -> None:
    """Begin the map of an image, without any place."""
    hr.table[:] = -1
    hr.used[0] = 0


@jit_in_place
def reserve(hr: HighResolution, f: int, x: Real, y: Real) -> int:
    """Have votes counted for the pixel nearest to x, y.

    Returns:
        Its place for `value_at`; -1 beyond the border (rule 2) and for what is no number.
    """
    width, height = hr.size
    if not (x >= -0.49 and y >= -0.49 and x <= width - 0.51 and y <= height - 0.51):
        return -1
    column, row = int(x + _HALF), int(y + _HALF)
    number = hr.table[f, row >> _Y_SHIFT, column >> _X_SHIFT]
    if number < 0:
        number = hr.used[0]
        hr.used[0] += 1
        hr.table[f, row >> _Y_SHIFT, column >> _X_SHIFT] = number
        hr.rows[number, 0], hr.rows[number, 1] = TILE_HEIGHT, 0
        _clear(hr.tiles[number])
    column, row = column & (TILE_WIDTH - 1), row & (TILE_HEIGHT - 1)
    hr.rows[number, 0] = min(hr.rows[number, 0], row)
    hr.rows[number, 1] = max(hr.rows[number, 1], row + 1)
    return int(number << _SHIFT | row << _X_SHIFT | column)


@jit_in_place
def _clear(tile: Array) -> None:
    for k in range(_TILE_SIZE):
        tile[k] = _ZERO


@jit_in_place
def value_at(tiles: Array, place: int, outside: Real) -> Real:
    """The map's value at a reserved place, or ``outside`` for -1; ``tiles`` of `HighResolution`."""
    if place < 0:
        return np.float32(outside)
    return tiles[place >> _SHIFT, place & ((1 << _SHIFT) - 1)]


@jit_in_place
def reserve_places(cells: Cells, hr: HighResolution) -> None:
    """Have votes counted where cells point."""
    for k in range(cells.start[-1]):
        cell = cells.records[k]
        cell.place = reserve(hr, cell.field, cell.x, cell.y)


@jit_in_place
def vote(cells: Cells, threshold: Real, spread: Real, hr: HighResolution) -> None:
    """Let cells with at least this confidence vote for the reserved places.

    Args:
        cells: what `find_cells` found, with this threshold or a lower one. One whose size is negative or no number does
            not vote.
        threshold: on the confidence.
        spread: standard deviation of a cell's votes as a share of its smaller side; it is at least one pixel.
        hr: gets the votes.
    """
    least = _affordable(cells, np.float32(threshold), np.float32(spread), hr)
    pixels = 0
    for k in range(cells.start[-1]):
        cell = cells.records[k]
        sigma = _sigma(cell, np.float32(spread))
        if cell.confidence >= least and sigma > 0.0:
            pixels += _pixels(sigma, hr)
            if pixels > MAX_VOTED_PIXELS:
                return
            _add(hr, cell.field, cell.x, cell.y, sigma, cell.confidence / _VOTERS)


@jit_in_place
def _affordable(cells: Cells, least: Real, spread: Real, hr: HighResolution) -> Real:
    """The threshold, raised as far as needed for the cells not to vote for too many pixels."""
    hr.levels[:] = 0
    total = 0
    for k in range(cells.start[-1]):
        confidence = cells.records[k].confidence
        if confidence >= least:
            pixels = _pixels(_sigma(cells.records[k], spread), hr)
            hr.levels[min(int(confidence * _LEVELS), _LEVELS - 1)] += pixels
            total += pixels
    level = 0
    while total > MAX_VOTED_PIXELS and level < _LEVELS - 1:
        total -= hr.levels[level]
        level += 1
    return max(least, np.float32(level / _LEVELS))


@jit_in_place
def _sigma(cell: Any, spread: Real) -> Real:
    """Standard deviation of a cell's votes in pixels; 0 for one that does not vote."""
    size = min(cell.width, cell.height)
    return max(_ONE, spread * size) if 0.0 <= size < _LARGE else _ZERO


@jit_in_place
def _pixels(sigma: Real, hr: HighResolution) -> int:
    """Pixels of the square around a cell's votes, as far as the map could hold it."""
    side = int(2.0 * sigma) + 1
    return min(side, hr.size[0]) * min(side, hr.size[1])


@jit_in_place
def _add(hr: HighResolution, f: int, x: Real, y: Real, sigma: Real, peak: Real) -> None:
    """Add a Gaussian of radius ``sigma`` around x, y in pixels, capped at 1, to the rows of tiles that are reserved."""
    x0, x1 = _extent(x, sigma, hr.size[0])
    y0, y1 = _extent(y, sigma, hr.size[1])
    for tile_y in range(y0 >> _Y_SHIFT, ((y1 - 1) >> _Y_SHIFT) + 1):
        top = tile_y << _Y_SHIFT
        for tile_x in range(x0 >> _X_SHIFT, ((x1 - 1) >> _X_SHIFT) + 1):
            number = hr.table[f, tile_y, tile_x]
            if number < 0:
                continue
            first = np.uint64(max(y0 - top, hr.rows[number, 0]) << _X_SHIFT)
            last = np.uint64(max(min(y1 - top, hr.rows[number, 1]), 0) << _X_SHIFT)
            dx, dy = np.float32(tile_x << _X_SHIFT) - x, np.float32(top) - y
            _add_to_tile(hr.tiles[number], first, last, dx, dy, sigma * sigma, peak)


@jit_in_place
def _add_to_tile(tile: Array, first: Real, last: Real, left: Real, top: Real, radius2: Real, peak: Real) -> None:
    """Add to pixels ``first`` to ``last`` of a tile, whole rows; its upper left pixel is at left, top from the centre.

    Indices are unsigned, since numba then leaves out the test for negative ones that would keep the loop from being
    vectorized. Exp is approximated by (1 + z/8)^8 with z = -d^2 / (2 sigma^2), as compatibility asks.
    """
    falloff = _ONE / (np.float32(16.0) * radius2)
    for k in range(first, last):
        dx, dy = left + _COLUMNS[k], top + _ROWS[k]
        dx2, dy2 = dx * dx, dy * dy
        d2 = dx2 + dy2
        weight = _ONE - d2 * falloff
        weight *= weight
        weight *= weight
        weight *= weight
        weight = _ONE if max(dx2, dy2) < _QUARTER else weight  # the nearest pixel gets the full peak
        tile[k] = min(tile[k] + (peak * weight if d2 <= radius2 else _ZERO), _ONE)


@jit_in_place
def _extent(centre: Real, radius: Real, size: int) -> tuple[int, int]:
    """First pixel and the one behind the last of an interval, at least one pixel within 0 to ``size``."""
    low = min(max(int(centre - radius), 0), size - 1)
    return low, min(max(int(centre + radius + _ONE), low + 1), size)


def reserve_all(hr: HighResolution) -> None:
    """Have votes counted everywhere, for `dense_map`."""
    hr.used[0] = hr.table.size
    hr.table[:] = np.arange(hr.table.size).reshape(hr.table.shape)
    hr.tiles[:] = 0.0
    hr.rows[:] = 0, TILE_HEIGHT


def dense_map(hr: HighResolution) -> Array:
    """The map [F, height, width] float32 where votes were counted, zero elsewhere: for plots and tests."""
    width, height = hr.size
    F, rows, columns = hr.table.shape
    tiles = np.where(hr.table[..., None] >= 0, hr.tiles[np.maximum(hr.table, 0)], _ZERO)
    tiles = tiles.reshape(F, rows, columns, TILE_HEIGHT, TILE_WIDTH).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(tiles.reshape(F, rows * TILE_HEIGHT, columns * TILE_WIDTH)[:, :height, :width])

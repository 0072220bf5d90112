"""Candidates: the CAF cells that may connect two keypoints, found by place (FIELDS section 12, rules 2 and 3).

A connection can be followed in two directions, and each direction has its own list. The two lists of a connection are
made when one is first asked for, and are sorted by bands of rows of the image, so that a search looks at the candidates
near a keypoint, many at once.
"""

from typing import Any, NamedTuple

import numpy as np

from ..annotation import Array
from ..headmeta import Caf
from ..kernels import jit_in_place
from .cells import Cells, Real, cells, find_cells, is_place
from .cifhr import HighResolution, reserve_places, value_at

TARGET = np.dtype([('x', 'f4'), ('y', 'f4'), ('size', 'f4'), ('cell', 'i4')])
"""Where a candidate leads, in pixels, and the cell that it comes from."""

UNSORTED = np.dtype([('confidence', 'f4'), ('x', 'f4'), ('y', 'f4'), ('band', 'i4'), ('target', TARGET)])
"""A candidate on its way into its list."""

_BAND = 4  # pixels, height of a band
_FLOOR = np.float32(0.1)  # share of the confidence that stands without support by the map
_ONE = np.float32(1.0)


class CafChannels(NamedTuple):
    """Where a kernel finds the components of a Caf field: at the first end, then at the second."""

    confidence: int
    x: tuple[int, int]
    size: tuple[int, int]


class Association(NamedTuple):
    """The fields that connect keypoints, and what is asked of them.

    Attributes:
        sparse: [E, C, H, W] float32 in inference layout, in cells.
        dense: [D, C, H, W], of the dense head; D may be 0.
        strides: pixels a cell of the sparse and of the dense fields.
        ends: [E + D, 2] int64, the keypoints at both ends.
        channels: where the fields' components are.
        threshold: confidence that a candidate must exceed.
        factor: for the confidences of the dense fields.
    """

    sparse: Array
    dense: Array
    strides: tuple[int, int]
    ends: Array
    channels: CafChannels
    threshold: float
    factor: float


class Lists(NamedTuple):
    """Lists of candidates, number ``2 * connection + direction``; direction 1 runs from the second end to the first.

    Attributes:
        start: [L, bands + 2] int32, where each band starts in a list; the last entry is the number of candidates.
        points: [L, 3, N] float32: confidence of the cell, weighted by the map where it leads; x, y where it starts, in
            pixels. Sorted by band, then by cell.
        target: [L, N] of `TARGET`.
        scores: [N] float32, memory for searching.
        work: [1] int64, how many candidates were looked at, for the bound of `growing`.
        bands: how many this image has.
    """

    start: Array
    points: Array
    target: Array
    scores: Array
    work: Array
    bands: int


class Candidates(NamedTuple):
    """The lists of one image, and what they are made of.

    Attributes:
        lists: of all connections.
        made: [connections] uint8, whether both lists of a connection were made for this image.
        spare: [2, N] of `UNSORTED`, memory for sorting.
        cells: the confident cells of each connection.
    """

    lists: Lists
    made: Array
    spare: Array
    cells: Cells


def candidates(connections: int, N: int, height: int) -> Candidates:
    """Memory for fields of N cells over an image of ``height`` pixels. The system gives pages only for what is used."""
    L, bands = 2 * connections, bands_of(height)
    lists = Lists(
        np.empty((L, bands + 2), np.int32), np.empty((L, 3, N), np.float32), np.empty((L, N), TARGET),
        np.empty(N, np.float32), np.empty(1, np.int64), bands,
    )  # fmt: skip
    return Candidates(lists, np.empty(connections, np.uint8), np.empty((2, N), UNSORTED), cells(connections, N, ends=2))


def bands_of(height: int) -> int:
    """Number of bands of an image of ``height`` pixels."""
    return height // _BAND + 1


def caf_channels() -> CafChannels:
    """Where the components of a `Caf` head are."""
    layout = Caf.prediction
    return CafChannels(
        layout.confidence, (layout.vector(0).start, layout.vector(1).start), (layout.scale(0), layout.scale(1))
    )


@jit_in_place
def begin(candidates: Candidates, association: Association, hr: HighResolution) -> None:
    """Forget the image before, find the confident cells of this one, and reserve the places where they point."""
    candidates.made[:] = 0
    candidates.lists.work[0] = 0
    x, found, ends = association.channels.x, candidates.cells, association.ends
    find_cells(association.sparse, association.channels.confidence, x[0], association.threshold, found, 0)
    for end in range(2):
        reserve_places(hr, association.sparse, x[end], association.strides[0], found, 0, end, ends)
    if association.factor > 0.0:
        least, first = association.threshold / association.factor, len(association.sparse)
        find_cells(association.dense, association.channels.confidence, x[0], least, found, first)
        for end in range(2):
            reserve_places(hr, association.dense, x[end], association.strides[1], found, first, end, ends)


@jit_in_place
def make_lists(candidates: Candidates, connection: int, association: Association, hr: HighResolution) -> None:
    """Make both lists of a connection: cells whose confidence, weighted by the map where they lead, is high enough."""
    lists, spare = candidates.lists, candidates.spare
    lists.start[2 * connection, :] = 0
    lists.start[2 * connection + 1, :] = 0
    dense = connection - len(association.sparse)
    if dense >= 0:
        stride, factor = np.float32(association.strides[1]), np.float32(association.factor)
        n, m = _collect(candidates, connection, association, association.dense[dense], stride, factor, hr)
    else:
        stride = np.float32(association.strides[0])
        n, m = _collect(candidates, connection, association, association.sparse[connection], stride, _ONE, hr)
    _sort(lists.start[2 * connection], lists.points[2 * connection], lists.target[2 * connection], spare[0], n)
    _sort(
        lists.start[2 * connection + 1], lists.points[2 * connection + 1], lists.target[2 * connection + 1], spare[1], m
    )
    candidates.made[connection] = 1


@jit_in_place
def _collect(
    candidates: Candidates, connection: int, association: Association, field: Array, stride: Real, factor: Real,
    hr: HighResolution,
) -> tuple[int, int]:  # fmt: skip
    """Write the candidates of both directions to the spare memory, in the order of cells, and count them by band."""
    channels, least, lists = association.channels, np.float32(association.threshold), candidates.lists
    flat = field.reshape(field.shape[0], field.shape[1] * field.shape[2])
    found, places = candidates.cells.indices[connection], candidates.cells.places[connection]
    n, m = 0, 0
    for k in range(candidates.cells.counts[connection]):
        cell = found[k]
        x1, y1 = flat[channels.x[0], cell], flat[channels.x[0] + 1, cell]
        x2, y2 = flat[channels.x[1], cell], flat[channels.x[1] + 1, cell]
        if not (is_place(x1, y1) and is_place(x2, y2)):
            continue
        x1, y1, x2, y2 = x1 * stride, y1 * stride, x2 * stride, y2 * stride
        confidence = min(flat[channels.confidence, cell] * factor, _ONE)
        forward = confidence * (_FLOOR + (_ONE - _FLOOR) * value_at(hr.tiles, places[k, 1], 0.0))
        if forward > least:
            band = _band(y1, lists.bands)
            lists.start[2 * connection, band + 2] += 1
            size = flat[channels.size[1], cell] * stride
            _write(candidates.spare[0, n], forward, x1, y1, band, x2, y2, size, cell)
            n += 1
        backward = confidence * (_FLOOR + (_ONE - _FLOOR) * value_at(hr.tiles, places[k, 0], 0.0))
        if backward > least:
            band = _band(y2, lists.bands)
            lists.start[2 * connection + 1, band + 2] += 1
            size = flat[channels.size[0], cell] * stride
            _write(candidates.spare[1, m], backward, x2, y2, band, x1, y1, size, cell)
            m += 1
    return n, m


@jit_in_place
def _write(
    candidate: Any, confidence: Real, x: Real, y: Real, band: int, to_x: Real, to_y: Real, to_size: Real, cell: int
) -> None:
    candidate.confidence, candidate.x, candidate.y, candidate.band = confidence, x, y, band
    target = candidate.target
    target.x, target.y, target.size, target.cell = to_x, to_y, to_size, cell


@jit_in_place
def _sort(start: Array, points: Array, target: Array, source: Array, n: int) -> None:
    """Sort candidates of a list by band. Those of band b were counted in ``start[b + 2]``."""
    for band in range(2, len(start)):
        start[band] += start[band - 1]
    for k in range(n):  # start[b + 1] moves from where band b starts to where the next one does
        band = source[k].band + 1
        to = start[band]
        start[band] += 1
        points[0, to], points[1, to], points[2, to] = source[k].confidence, source[k].x, source[k].y
        target[to] = source[k].target


@jit_in_place
def near(lists: Lists, number: int, top: Real, bottom: Real) -> tuple[int, int]:
    """The candidates that may start between two rows: the first one in the list and the one behind the last."""
    start = lists.start[number]
    return start[_band(top, lists.bands)], start[_band(bottom, lists.bands) + 1]


@jit_in_place
def _band(y: Real, bands: int) -> int:
    """The band of a row in pixels; rows outside the image belong to the first or last one."""
    return min(max(int(y * np.float32(1.0 / _BAND)), 0), bands - 1)


def table(lists: Lists, number: int) -> Array:
    """A list as [N, 6] float32, for plots and tests: confidence, x, y where it starts, x, y, size where it leads."""
    n = lists.start[number, lists.bands]
    target = lists.target[number, :n]
    return np.stack([*lists.points[number, :, :n], target['x'], target['y'], target['size']], axis=1)

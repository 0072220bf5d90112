"""Candidates: the CAF cells that may connect two keypoints, found by place (FIELDS section 12, rules 2 and 3).

A connection can be followed in two directions, and each direction has its own list. The two lists of a connection are
made when one is first asked for. Long ones are sorted by bins of the image, row by row, so that a search looks at the
candidates near a keypoint, many at once.
"""

from typing import Any, NamedTuple

import numpy as np

from ..annotation import Array
from ..headmeta import Caf
from ..kernels import jit_in_place
from .cells import Real, has_confident, is_place
from .cifhr import HighResolution, reserve, value_at

LINK = np.dtype(
    [
        ('confidence', 'f4'),
        ('x1', 'f4'),  # where the cell points, in pixels: the first end of the connection
        ('y1', 'f4'),
        ('x2', 'f4'),  # the second end
        ('y2', 'f4'),
        ('size1', 'f4'),
        ('size2', 'f4'),
        ('cell', 'i4'),
        ('place1', 'i4'),  # in the high-resolution map, see `cifhr.reserve`
        ('place2', 'i4'),
    ]
)
"""A confident cell of a Caf field."""

TARGET = np.dtype([('x', 'f4'), ('y', 'f4'), ('size', 'f4'), ('cell', 'i4')])
"""Where a candidate leads, in pixels, and the cell that it comes from."""

UNSORTED = np.dtype([('confidence', 'f4'), ('x', 'f4'), ('y', 'f4'), ('bin', 'i4'), ('target', TARGET)])
"""A candidate on its way into its list."""

_BIN_WIDTH, _BIN_HEIGHT = 32, 16  # pixels
PER_WIDTH, PER_HEIGHT = np.float32(1.0 / _BIN_WIDTH), np.float32(1.0 / _BIN_HEIGHT)  # bins a pixel
_FEW = 64  # candidates that are looked at all rather than sorted
_FLOOR = np.float32(0.1)  # share of the confidence that stands without support by the map
_ONE = np.float32(1.0)


class CafChannels(NamedTuple):
    """Where a kernel finds the components of a Caf field, those of the first end before those of the second one."""

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

    Lists lie one after the other in the memory. A list of more than a few candidates is sorted by bins, row by row, and
    within a bin by cells.

    Attributes:
        start: [L, bins + 2] int32, where each bin starts, and behind the last one where the list ends. Without bins,
            where the list starts and ends.
        binned: [L] uint8, whether a list is sorted by bins.
        confidence: [S] float32 of the cell, weighted by the map where it leads.
        x: [S] float32, where it starts, in pixels.
        y: likewise.
        target: [S] of `TARGET`.
        scores: [N] float32, memory for searching.
        state: [2] int64, how many candidates were looked at, for the bound of `growing`, and how many there are.
        bins: columns and rows of bins that this image has.
    """

    start: Array
    binned: Array
    confidence: Array
    x: Array
    y: Array
    target: Array
    scores: Array
    state: Array
    bins: tuple[int, int]


class Candidates(NamedTuple):
    """The lists of one image, and what they are made of.

    Attributes:
        lists: of all connections.
        made: [connections] uint8, whether both lists of a connection were made for this image.
        spare: [2, N] of `UNSORTED`, memory for sorting.
        links: [S] of `LINK`, the confident cells of all connections, in row-major order.
        first_link: [connections + 1] int64, where those of each connection start.
    """

    lists: Lists
    made: Array
    spare: Array
    links: Array
    first_link: Array


def candidates(connections: int, N: int, size: tuple[int, int]) -> Candidates:
    """Memory for fields of N cells over an image of this size in pixels. Pages that are not used cost nothing."""
    L, S, bins = 2 * connections, 2 * connections * N, bins_of(size)
    confidence, x, y = (np.empty(S, np.float32) for _ in range(3))
    lists = Lists(
        np.empty((L, bins[0] * bins[1] + 2), np.int32), np.empty(L, np.uint8), confidence, x, y, np.empty(S, TARGET),
        np.empty(N, np.float32), np.zeros(2, np.int64), bins,
    )  # fmt: skip
    return Candidates(
        lists, np.empty(connections, np.uint8), np.empty((2, N), UNSORTED), np.empty(connections * N, LINK),
        np.empty(connections + 1, np.int64),
    )  # fmt: skip


def bins_of(size: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows of bins over an image of this size in pixels."""
    return size[0] // _BIN_WIDTH + 1, size[1] // _BIN_HEIGHT + 1


def caf_channels() -> CafChannels:
    """Where the components of a `Caf` head are."""
    layout = Caf.prediction
    return CafChannels(
        layout.confidence, (layout.vector(0).start, layout.vector(1).start), (layout.scale(0), layout.scale(1))
    )


@jit_in_place
def find_links(candidates: Candidates, association: Association, hr: HighResolution) -> None:
    """Forget the image before, find the confident cells of this one, and have votes counted where they point."""
    candidates.made[:] = 0
    candidates.lists.state[:] = 0
    candidates.first_link[0] = 0
    for connection in range(len(association.sparse)):
        stride = np.float32(association.strides[0])
        _find_links(candidates, connection, association, association.sparse[connection], stride, _ONE, hr)
    for dense in range(len(association.dense)):
        stride, factor = np.float32(association.strides[1]), np.float32(association.factor)
        connection = len(association.sparse) + dense
        _find_links(candidates, connection, association, association.dense[dense], stride, factor, hr)


@jit_in_place
def _find_links(
    candidates: Candidates, connection: int, association: Association, field: Array, stride: Real, factor: Real,
    hr: HighResolution,
) -> None:  # fmt: skip
    """Collect the confident cells of one connection; not those whose regression is no number."""
    channels, least = association.channels, np.float32(association.threshold)
    ax, bx = channels.x
    _, H, W = field.shape
    n = candidates.first_link[connection]
    for j in range(H):
        row = field[channels.confidence, j]
        if not has_confident(row, least / factor):
            continue
        for i in range(W):
            if row[i] * factor < least or not is_place(field[ax, j, i], field[ax + 1, j, i]):
                continue
            if row[i] >= 0.0 and is_place(field[bx, j, i], field[bx + 1, j, i]):
                link = candidates.links[n]
                link.confidence, link.cell = min(row[i] * factor, _ONE), j * W + i
                link.x1, link.y1 = field[ax, j, i] * stride, field[ax + 1, j, i] * stride
                link.x2, link.y2 = field[bx, j, i] * stride, field[bx + 1, j, i] * stride
                link.size1, link.size2 = field[channels.size[0], j, i] * stride, field[channels.size[1], j, i] * stride
                link.place1 = reserve(hr, association.ends[connection, 0], link.x1, link.y1)
                link.place2 = reserve(hr, association.ends[connection, 1], link.x2, link.y2)
                n += 1
    candidates.first_link[connection + 1] = n


@jit_in_place
def make_lists(candidates: Candidates, connection: int, threshold: Real, hr: HighResolution) -> None:
    """Make both lists of a connection: cells whose confidence, weighted by the map where they lead, is high enough."""
    least = np.float32(threshold)
    n, m = 0, 0
    for k in range(candidates.first_link[connection], candidates.first_link[connection + 1]):
        link = candidates.links[k]
        forward = link.confidence * (_FLOOR + (_ONE - _FLOOR) * value_at(hr.tiles, link.place2, 0.0))
        if forward > least:
            source = candidates.spare[0, n]
            _write(source, forward, link.x1, link.y1, link.x2, link.y2, link.size2, link.cell)
            n += 1
        backward = link.confidence * (_FLOOR + (_ONE - _FLOOR) * value_at(hr.tiles, link.place1, 0.0))
        if backward > least:
            source = candidates.spare[1, m]
            _write(source, backward, link.x2, link.y2, link.x1, link.y1, link.size1, link.cell)
            m += 1
    _store(candidates.lists, 2 * connection, candidates.spare[0], n)
    _store(candidates.lists, 2 * connection + 1, candidates.spare[1], m)
    candidates.made[connection] = 1


@jit_in_place
def _write(
    candidate: Any, confidence: Real, x: Real, y: Real, to_x: Real, to_y: Real, to_size: Real, cell: int
) -> None:
    candidate.confidence, candidate.x, candidate.y = confidence, x, y
    target = candidate.target
    target.x, target.y, target.size, target.cell = to_x, to_y, to_size, cell


@jit_in_place
def _store(lists: Lists, number: int, source: Array, n: int) -> None:
    """Move candidates from the spare memory into a list, a long one by bins."""
    start, first = lists.start[number], lists.state[1]
    lists.state[1] += n
    lists.binned[number] = n > _FEW
    if n <= _FEW:
        start[0], start[1] = first, first + n
        for k in range(n):
            _place(lists, first + k, source[k])
        return
    bins = lists.bins[0] * lists.bins[1]
    for b in range(bins + 2):
        start[b] = 0
    for k in range(n):
        source[k].bin = bin_of(source[k].y, PER_HEIGHT, lists.bins[1]) * lists.bins[0] + bin_of(
            source[k].x, PER_WIDTH, lists.bins[0]
        )
        start[source[k].bin + 2] += 1
    start[0], start[1] = first, first
    for b in range(2, bins + 2):
        start[b] += start[b - 1]
    for k in range(n):  # start[b + 1] moves from where bin b starts to where the next one does
        b = source[k].bin + 1
        _place(lists, start[b], source[k])
        start[b] += 1


@jit_in_place
def _place(lists: Lists, k: int, candidate: Any) -> None:
    lists.confidence[k], lists.x[k], lists.y[k] = candidate.confidence, candidate.x, candidate.y
    lists.target[k] = candidate.target


@jit_in_place
def bin_of(position: Real, per_pixel: Real, bins: int) -> int:
    """The row or column of bins of a position in pixels; what lies outside the image belongs to the border's."""
    return min(max(int(position * per_pixel), 0), bins - 1)


def table(lists: Lists, number: int) -> Array:
    """A list as [N, 6] float32, for plots and tests: confidence, x, y where it starts, x, y, size where it leads."""
    last = lists.bins[0] * lists.bins[1] if lists.binned[number] else 1
    part = slice(lists.start[number, 0], lists.start[number, last])
    target = lists.target[part]
    columns = lists.confidence[part], lists.x[part], lists.y[part], target['x'], target['y'], target['size']
    return np.stack(columns, axis=1)

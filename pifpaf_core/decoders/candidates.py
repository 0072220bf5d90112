"""Candidates: the CAF cells that may connect two keypoints, found by place (FIELDS section 12, rules 2 and 3).

Each connection can be followed in two directions, and each direction has its own list. It is made when it is first
asked for and is sorted by bands of rows of the image, so that a search reads the candidates near a keypoint, one after
the other.
"""

from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..headmeta import Caf
from ..kernels import jit_in_place
from .cells import Cells, Real, cells, find_cells, is_place
from .cifhr import HighResolution, value_at

CANDIDATE = np.dtype(
    [
        ('confidence', 'f4'),  # of the cell, weighted by the map where it leads
        ('x', 'f4'),  # where it starts, in pixels
        ('y', 'f4'),
        ('to_x', 'f4'),  # where it leads
        ('to_y', 'f4'),
        ('to_size', 'f4'),
        ('cell', 'i4'),
        ('band', 'i4'),
    ]
)
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


class Candidates(NamedTuple):
    """Lists of candidates, number ``2 * connection + direction``; direction 1 runs from the second end to the first.

    Attributes:
        records: [L, N] of `CANDIDATE`, sorted by band, then by cell.
        start: [L, bands + 2] int32, where each band starts.
        made: [L] uint8, whether a list was made for this image.
        spare: [N] of `CANDIDATE`, memory for sorting.
        cells: the confident cells of each connection.
        work: [1] int64, how many candidates were looked at, for the bound of `growing`.
        bands: how many this image has.
    """

    records: Array
    start: Array
    made: Array
    spare: Array
    cells: Cells
    work: Array
    bands: int


def candidates(connections: int, N: int, height: int) -> Candidates:
    """Memory for fields of N cells over an image of ``height`` pixels. The system gives pages only for what is used."""
    L = 2 * connections
    bands = bands_of(height)
    return Candidates(
        np.empty((L, N), CANDIDATE), np.empty((L, bands + 2), np.int32), np.empty(L, np.uint8), np.empty(N, CANDIDATE),
        cells(connections, N), np.empty(1, np.int64), bands,
    )  # fmt: skip


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
def begin(candidates: Candidates, association: Association) -> None:
    """Forget the lists of the image before and find the confident cells of this one."""
    candidates.made[:] = 0
    candidates.work[0] = 0
    channels = association.channels
    find_cells(association.sparse, channels.confidence, channels.x[0], association.threshold, candidates.cells, 0)
    if association.factor > 0.0:
        least = association.threshold / association.factor
        find_cells(
            association.dense, channels.confidence, channels.x[0], least, candidates.cells, len(association.sparse)
        )  # fmt: skip


@jit_in_place
def make_list(candidates: Candidates, number: int, association: Association, hr: HighResolution) -> None:
    """Fill list ``number`` with the cells whose confidence, weighted by the map where they lead, is high enough."""
    start = candidates.start[number]
    for band in range(candidates.bands + 2):
        start[band] = 0
    n = _collect(candidates, number, association, hr, start)
    for band in range(2, candidates.bands + 2):
        start[band] += start[band - 1]
    records = candidates.records[number]
    for k in range(n):  # start[band + 1] moves from where the band starts to where the next one does
        band = candidates.spare[k].band + 1
        records[start[band]] = candidates.spare[k]
        start[band] += 1
    candidates.made[number] = 1


@jit_in_place
def _collect(candidates: Candidates, number: int, association: Association, hr: HighResolution, start: Array) -> int:
    """Write the candidates of a list to the spare memory, in the order of cells, and count those of each band."""
    connection, direction = number >> 1, number & 1
    dense = connection >= len(association.sparse)
    field = association.dense[connection - len(association.sparse)] if dense else association.sparse[connection]
    flat = field.reshape(field.shape[0], field.shape[1] * field.shape[2])
    stride = np.float32(association.strides[1] if dense else association.strides[0])
    factor = np.float32(association.factor) if dense else _ONE
    channels = association.channels
    x1, x2, size2 = channels.x[direction], channels.x[1 - direction], channels.size[1 - direction]
    n = 0
    for k in range(candidates.cells.counts[connection]):
        cell = candidates.cells.indices[connection, k]
        if not (is_place(flat[x1, cell], flat[x1 + 1, cell]) and is_place(flat[x2, cell], flat[x2 + 1, cell])):
            continue
        x, y = flat[x2, cell] * stride, flat[x2 + 1, cell] * stride
        support = value_at(hr, association.ends[connection, 1 - direction], x, y, 0.0)
        confidence = min(flat[channels.confidence, cell] * factor, _ONE) * (_FLOOR + (_ONE - _FLOOR) * support)
        if confidence > np.float32(association.threshold):
            candidate = candidates.spare[n]
            candidate.confidence, candidate.to_x, candidate.to_y = confidence, x, y
            candidate.x, candidate.y = flat[x1, cell] * stride, flat[x1 + 1, cell] * stride
            candidate.to_size, candidate.cell = flat[size2, cell] * stride, cell
            candidate.band = _band(candidates, candidate.y)
            start[candidate.band + 2] += 1
            n += 1
    return n


@jit_in_place
def near(candidates: Candidates, number: int, top: Real, bottom: Real) -> tuple[int, int]:
    """The candidates that may start between two rows: the first record of the list and the one behind the last."""
    start = candidates.start[number]
    return start[_band(candidates, top)], start[_band(candidates, bottom) + 1]


@jit_in_place
def _band(candidates: Candidates, y: Real) -> int:
    """The band of a row in pixels; rows outside the image belong to the first or last one."""
    return min(max(int(y * np.float32(1.0 / _BAND)), 0), candidates.bands - 1)

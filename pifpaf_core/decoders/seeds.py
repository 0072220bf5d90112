"""Seeds: the cells from which instances are started, most confident first (FIELDS section 12, rule 2)."""

from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .cells import Cells, Channels, Real
from .cifhr import HighResolution, value_at

SEED = np.dtype([('confidence', 'f4'), ('x', 'f4'), ('y', 'f4'), ('width', 'f4'), ('height', 'f4'), ('field', 'i4')])
"""A seed in pixels. The size of a keypoint is both its width and its height."""

_DIGIT = 10  # bits that one pass of the sort looks at
_PASSES = 3
_UNIT = np.float32(1 << (_DIGIT * _PASSES))


class Seeds(NamedTuple):
    """Seeds of one image, and the memory for them; the first ``n`` that `collect_seeds` returns count.

    Attributes:
        records: [S] of `SEED`, in the order of fields and cells.
        order: [S] int64; the lower 32 bits are the index of a seed, most confident first.
        spare: [S] int64, memory for the sort.
        histogram: [2 ** _DIGIT] int64, memory for the sort.
    """

    records: Array
    order: Array
    spare: Array
    histogram: Array


def seeds(S: int) -> Seeds:
    """Memory for at most S seeds."""
    return Seeds(np.empty(S, SEED), np.empty(S, np.int64), np.empty(S, np.int64), np.empty(1 << _DIGIT, np.int64))


@jit_in_place
def collect_seeds(
    field: Array, channels: Channels, threshold: Real, stride: int, cells: Cells, hr: HighResolution, seeds: Seeds
) -> int:
    """Score the cells found by what the map says of their place, and sort those that pass.

    Args:
        field: [F, C, H, W] float32 in inference layout, in cells.
        channels: where its components are.
        threshold: on the cell's confidence and on the seed's.
        stride: pixels a cell.
        cells: what `find_cells` found, with this threshold or a lower one.
        hr: the map that these cells voted into.
        seeds: is filled.

    Returns:
        The number of seeds.
    """
    F, C, H, W = field.shape
    flat = field.reshape(F, C, H * W)
    scale = np.float32(stride)
    least = np.float32(threshold)
    n = 0
    for f in range(F):
        for k in range(cells.counts[f]):
            cell = cells.indices[f, k]
            confidence = flat[f, channels.confidence, cell]
            if not confidence >= least:
                continue
            x, y = flat[f, channels.x, cell] * scale, flat[f, channels.x + 1, cell] * scale
            value = np.float32(0.9) * value_at(hr.tiles, cells.places[f, k, 0], -1.0) + np.float32(0.1) * confidence
            if value >= least and value > 0.0:
                seed = seeds.records[n]
                seed.confidence, seed.x, seed.y, seed.field = value, x, y, f
                seed.width = flat[f, channels.size[0], cell] * scale
                seed.height = flat[f, channels.size[1], cell] * scale
                n += 1
    _sort(seeds, n)
    return n


@jit_in_place
def _sort(seeds: Seeds, n: int) -> None:
    """Order seeds by falling confidence, equal ones by rising index: a radix sort of the confidence as an integer."""
    source, target = seeds.spare, seeds.order
    for k in range(n):
        rank = int(_UNIT) - min(max(int(seeds.records[k].confidence * _UNIT), 1), int(_UNIT))
        source[k] = rank << 32 | k
    for digit in range(_PASSES):
        shift = 32 + digit * _DIGIT
        seeds.histogram[:] = 0
        for k in range(n):
            seeds.histogram[(source[k] >> shift) & ((1 << _DIGIT) - 1)] += 1
        total = 0
        for value in range(1 << _DIGIT):
            count = seeds.histogram[value]
            seeds.histogram[value] = total
            total += count
        for k in range(n):
            value = (source[k] >> shift) & ((1 << _DIGIT) - 1)
            target[seeds.histogram[value]] = source[k]
            seeds.histogram[value] += 1
        source, target = target, source


@jit_in_place
def seed_at(seeds: Seeds, k: int) -> int:
    """Index of the seed of rank ``k``."""
    return int(seeds.order[k] & 0xFFFFFFFF)

"""Seeds: the cells from which instances are started, most confident first (FIELDS section 12, rule 2)."""

from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .cells import Cells, Real
from .cifhr import HighResolution, value_at

_DIGIT = 10  # bits that one pass of the sort looks at
_PASSES = 3
_UNIT = np.float32(1 << (_DIGIT * _PASSES))


class Seeds(NamedTuple):
    """The order of one image's seeds, and the memory for it; the first ``n`` that `collect_seeds` returns count.

    Attributes:
        order: [S] int64; the lower 32 bits are the index of a cell, most confident first.
        spare: [S] int64, memory for the sort.
        histogram: [2 ** _DIGIT] int64, memory for the sort.
    """

    order: Array
    spare: Array
    histogram: Array


def seeds(S: int) -> Seeds:
    """Memory for at most S seeds."""
    return Seeds(np.empty(S, np.int64), np.empty(S, np.int64), np.empty(1 << _DIGIT, np.int64))


@jit_in_place
def collect_seeds(cells: Cells, threshold: Real, hr: HighResolution, seeds: Seeds) -> int:
    """Score cells by what the map says of their place, and sort those that pass.

    Args:
        cells: what `find_cells` found, with this threshold or a lower one; get their score.
        threshold: on the cell's confidence and on its score.
        hr: the map that these cells voted into.
        seeds: is filled.

    Returns:
        The number of seeds.
    """
    least = np.float32(threshold)
    n = 0
    for k in range(cells.start[-1]):
        cell = cells.records[k]
        if not cell.confidence >= least:
            continue
        score = np.float32(0.9) * value_at(hr.tiles, cell.place, -1.0) + np.float32(0.1) * cell.confidence
        if score >= least and score > 0.0:
            cell.score = score
            rank = int(_UNIT) - min(max(int(score * _UNIT), 1), int(_UNIT))
            seeds.spare[n] = rank << 32 | k
            n += 1
    _sort(seeds, n)
    return n


@jit_in_place
def _sort(seeds: Seeds, n: int) -> None:
    """Order seeds by rank, equal ones by index: a radix sort, least significant digit first."""
    source, target = seeds.spare, seeds.order
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
    """The cell that is the seed of rank ``k``."""
    return int(seeds.order[k] & 0xFFFFFFFF)

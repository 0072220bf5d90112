"""Frontier: the connections along which a pose may grow, best first (FIELDS section 12, rule 4).

Which of two equal priorities comes first decides greedy growing and flood fill, so the heap's moves are fixed here.
"""

from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .cells import Real

ENTRY = np.dtype([('priority', 'f4'), ('pair', 'i4')])
"""An entry of the heap."""

FOUND = np.dtype(
    [('x', 'f4'), ('y', 'f4'), ('confidence', 'f4'), ('size', 'f4'), ('entered', 'i4'), ('computed', 'i4')]
)
"""What is known of an ordered pair: the keypoint that it leads to, whether it ever entered the heap, and whether the
keypoint was computed."""


class Frontier(NamedTuple):
    """A heap of ordered pairs of keypoints, and what is known of each pair.

    Attributes:
        heap: [pairs] of `ENTRY`.
        found: [pairs] of `FOUND`.
    """

    heap: Array
    found: Array


def frontier(pairs: int) -> Frontier:
    """Memory for the ordered pairs of connected keypoints of a skeleton."""
    return Frontier(np.empty(pairs, ENTRY), np.empty(pairs, FOUND))


@jit_in_place
def push(heap: Array, n: int, priority: Real, pair: int) -> int:
    """Put a pair into a heap of ``n`` entries; the new number of entries."""
    _rise(heap, n, np.float32(priority), np.int32(pair))
    return n + 1


@jit_in_place
def pop(heap: Array, n: int) -> int:
    """Take the best pair out of a heap of ``n`` > 0 entries; it then has one entry less."""
    best = heap[0].pair
    last = n - 1
    hole = 0
    while True:
        child = 2 * hole + 2
        if child < last:
            if heap[child].priority < heap[child - 1].priority:
                child -= 1
        elif child == last:
            child -= 1
        else:
            break
        heap[hole] = heap[child]
        hole = child
    _rise(heap, hole, heap[last].priority, heap[last].pair)
    return int(best)


@jit_in_place
def _rise(heap: Array, hole: int, priority: Real, pair: Real) -> None:
    """Fill a hole: parents that are strictly smaller move down."""
    while hole > 0:
        parent = (hole - 1) >> 1
        if not heap[parent].priority < priority:
            break
        heap[hole] = heap[parent]
        hole = parent
    heap[hole].priority = priority
    heap[hole].pair = pair

"""Frontier: the connections along which a pose may grow, best first (FIELDS section 12, rule 4).

Which of two equal priorities comes first decides greedy growing and flood fill, so the heap's moves are fixed here.
"""

from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .cells import Real


class Frontier(NamedTuple):
    """A heap of pairs of keypoints, and what is known of each pair.

    Attributes:
        priority: [pairs + 1] float32, of the heap's entries.
        pair: [pairs + 1] int32, of the heap's entries.
        entered: [pairs] uint8, whether a pair was ever put in.
        computed: [pairs] uint8, whether its keypoint is known.
        found: [pairs, 4] float32, x, y, confidence, size of that keypoint.
    """

    priority: Array
    pair: Array
    entered: Array
    computed: Array
    found: Array


def frontier(pairs: int) -> Frontier:
    """Memory for the ordered pairs of connected keypoints of a skeleton."""
    return Frontier(
        np.empty(pairs + 1, np.float32), np.empty(pairs + 1, np.int32), np.empty(pairs, np.uint8),
        np.empty(pairs, np.uint8), np.empty((pairs, 4), np.float32),
    )  # fmt: skip


@jit_in_place
def push(frontier: Frontier, n: int, priority: Real, pair: int) -> int:
    """Put a pair into a heap of ``n`` entries; the new number of entries."""
    _rise(frontier, n, priority, pair)
    return n + 1


@jit_in_place
def pop(frontier: Frontier, n: int) -> int:
    """Take the best pair out of a heap of ``n`` > 0 entries; it then has one entry less."""
    best = int(frontier.pair[0])
    last = n - 1
    hole = 0
    while True:
        child = 2 * hole + 2
        if child < last:
            if frontier.priority[child] < frontier.priority[child - 1]:
                child -= 1
        elif child == last:
            child -= 1
        else:
            break
        _move(frontier, child, hole)
        hole = child
    _rise(frontier, hole, frontier.priority[last], frontier.pair[last])
    return best


@jit_in_place
def _rise(frontier: Frontier, hole: int, priority: Real, pair: int) -> None:
    """Fill a hole: parents that are strictly smaller move down."""
    while hole > 0:
        parent = (hole - 1) // 2
        if not frontier.priority[parent] < priority:
            break
        _move(frontier, parent, hole)
        hole = parent
    frontier.priority[hole] = priority
    frontier.pair[hole] = pair


@jit_in_place
def _move(frontier: Frontier, source: int, target: int) -> None:
    frontier.priority[target] = frontier.priority[source]
    frontier.pair[target] = frontier.pair[source]

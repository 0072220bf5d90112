"""The heap's order, ties included (FIELDS section 12, rule 4)."""

import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pifpaf_core.decoders.frontier import frontier, pop, push


def drain(priorities):
    heap = frontier(64).heap
    n = 0
    for pair, priority in enumerate(priorities):
        n = push(heap, n, np.float32(priority), pair)
    order = []
    while n:
        order.append(pop(heap, n))
        n -= 1
    return order


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), unique=True, max_size=60))
def test_best_first(priorities):
    assert [priorities[i] for i in drain(priorities)] == sorted(priorities, reverse=True)


def test_equal_priorities_leave_in_the_order_of_the_rule():
    """Followed by hand: on a tie the right child moves up, and the last entry fills the hole."""
    assert drain([0.5] * 2) == [0, 1]
    assert drain([0.5] * 3) == [0, 1, 2]
    assert drain([0.5] * 4) == [0, 2, 1, 3]
    assert drain([0.5] * 5) == [0, 2, 4, 1, 3]


def test_interleaved_with_pushes():
    heap = frontier(64).heap
    rng = np.random.default_rng(0)
    n, mirror = 0, []
    for pair, priority in enumerate(rng.permutation(50) / 50):
        n = push(heap, n, np.float32(priority), pair)
        heapq.heappush(mirror, -np.float32(priority))
        if pair % 3 == 2:
            assert heap['priority'][0] == -heapq.heappop(mirror)
            pop(heap, n)
            n -= 1
    assert n == len(mirror) == 34

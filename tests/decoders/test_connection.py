"""One step along a connection, against a plain search (FIELDS section 12, rule 3)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pifpaf_core.decoders.candidates import TARGET, candidates
from pifpaf_core.decoders.connection import connect

F32 = np.float32


def lists_of(rows, *, binned=False, size=(200, 200)):
    """One list of candidates: rows of confidence, x, y, to x, to y, to size; cells count from 0."""
    rows = np.asarray(rows, np.float32).reshape(-1, 6)
    lists = candidates(1, max(len(rows), 1), size).lists
    columns, bins = lists.bins[0], lists.bins[0] * lists.bins[1]
    of_row = np.clip((rows[:, 2] / 16.0).astype(int), 0, lists.bins[1] - 1)
    of_row = of_row * columns + np.clip((rows[:, 1] / 32.0).astype(int), 0, columns - 1)
    order = np.argsort(of_row, kind='stable') if binned else np.arange(len(rows))
    lists.binned[0] = binned
    lists.start[0] = 0
    lists.start[0, 1] = len(rows)
    if binned:
        lists.start[0, 1 : bins + 1] = np.searchsorted(of_row[order], np.arange(bins), side='right')
    target = np.zeros(len(rows), TARGET)
    for i, name in enumerate(('x', 'y', 'size')):
        target[name] = rows[:, 3 + i]
    target['cell'] = np.arange(len(rows))
    for array, values in zip((lists.confidence, lists.x, lists.y, lists.target), (*rows.T[:3], target), strict=True):
        array[: len(rows)] = values[order]
    lists.state[:] = 0
    return lists


def follow(rows, x, y, size, *, least=0.0, reach=1.0, blend=True, binned=False):
    return connect(lists_of(rows, binned=binned), 0, F32(x), F32(y), F32(size), F32(least), reach, blend)


def plain(rows, x, y, size, least, reach, blend):
    size = max(size, 0.5)
    radius = reach * size / 2.0
    scored = sorted(
        (c * math.exp(-0.5 * ((cx - x) ** 2 + (cy - y) ** 2) / (0.25 * size**2)), i)
        for i, (c, cx, cy, *_) in enumerate(rows)
        if abs(cx - x) <= radius and abs(cy - y) <= radius and c > least
    )[::-1]
    if not scored:
        return 0.0, 0.0, 0.0, 0.0
    score, i = scored[0]
    x1, y1, size1 = rows[i][3:]
    if not blend:
        return score, x1, y1, size1
    if len(scored) > 1 and scored[1][0] >= max(0.01, 0.5 * score):
        other, j = scored[1]
        x2, y2, size2 = rows[j][3:]
        if (x1 - x2) ** 2 + (y1 - y2) ** 2 <= size1**2 / 4.0:
            a, b = score / (score + other), other / (score + other)
            return 0.5 * (score + other), a * x1 + b * x2, a * y1 + b * y2, a * size1 + b * size2
    return 0.5 * score, x1, y1, size1


numbers = st.floats(0, 150, width=32)
rows = st.lists(
    st.tuples(st.floats(0.0625, 1, width=32), numbers, numbers, numbers, numbers, st.floats(0.5, 60, width=32))
)


@settings(max_examples=60, deadline=None)
@given(
    rows,
    numbers,
    numbers,
    st.floats(0, 200, width=32),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([1.0, 4.0]),
    st.booleans(),
    st.booleans(),
)
def test_like_the_plain_search(rows, x, y, size, least, reach, blend, binned):
    ours = follow(rows, x, y, size, least=least, reach=reach, blend=blend, binned=binned)
    np.testing.assert_allclose(ours, plain(rows, x, y, size, least, reach, blend), rtol=2e-5, atol=2e-5)


def test_nothing_near():
    assert follow([], 10, 10, 8) == (0.0, 0.0, 0.0, 0.0)
    assert follow([(0.9, 30, 10, 50, 50, 8)], 10, 10, 8) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(('x', 'found'), [(14.0, True), (14.001, False), (6.0, True), (5.999, False)])
def test_borders_of_the_search_are_included(x, found):
    assert (follow([(0.9, x, 10, 50, 50, 8)], 10, 10, 8)[0] > 0.0) is found
    assert (follow([(0.9, 10, x, 50, 50, 8)], 10, 10, 8)[0] > 0.0) is found


def test_small_keypoints_search_a_quarter_pixel():
    assert follow([(0.9, 10.25, 10, 50, 50, 8)], 10, 10, 0.1)[0] > 0.0
    assert follow([(0.9, 10.26, 10, 50, 50, 8)], 10, 10, 0.1)[0] == 0.0


def test_one_candidate_counts_half_in_a_blend():
    assert follow([(0.8, 10, 10, 50, 60, 8)], 10, 10, 8) == pytest.approx((0.4, 50, 60, 8))
    assert follow([(0.8, 10, 10, 50, 60, 8)], 10, 10, 8, blend=False) == pytest.approx((0.8, 50, 60, 8))


def test_two_that_agree_are_blended_by_their_scores():
    pair = [(0.9, 10, 10, 50, 60, 8), (0.6, 10, 10, 53, 60, 10)]
    assert follow(pair, 10, 10, 8) == pytest.approx((0.75, 51.2, 60, 8.8))
    assert follow(pair, 10, 10, 8, blend=False) == pytest.approx((0.9, 50, 60, 8))


@pytest.mark.parametrize('second', [(0.6, 10, 10, 54.01, 60, 8), (0.449, 10, 10, 50, 60, 8)])
def test_two_that_disagree_are_not_blended(second):
    """Further apart than half the size, or less than half as sure."""
    assert follow([(0.9, 10, 10, 50, 60, 8), second], 10, 10, 8) == pytest.approx((0.45, 50, 60, 8))


def test_of_equal_candidates_the_later_cell_is_better():
    pair = [(0.9, 10, 10, 50, 60, 8), (0.9, 10, 10, 70, 60, 8)]
    assert follow(pair, 10, 10, 8, blend=False)[1] == 70.0
    assert follow(pair[::-1], 10, 10, 8, blend=False)[1] == 50.0
    apart = [(0.9, 10, 18, 50, 60, 8), (0.9, 10, 14, 70, 60, 8)]  # the later one lies in an earlier bin
    assert follow(apart, 10, 16, 8, blend=False, binned=True)[1] == 70.0


def test_a_negative_size_counts_as_none():
    assert follow([(0.9, 10, 10, 50, 60, -5)], 10, 10, 8)[3] == 0.0


def test_what_was_looked_at_is_counted():
    lists = lists_of([(0.9, 10, 10, 50, 60, 8)] * 5 + [(0.9, 10, 150, 50, 60, 8)], binned=True)
    connect(lists, 0, F32(10), F32(10), F32(8), F32(0), 1.0, True)
    assert lists.state[0] == 32 + 5

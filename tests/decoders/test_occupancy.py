"""Bits against a plain map of booleans (FIELDS section 12, rule 7)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pifpaf_core.decoders import occupancy as occ

WIDTH, HEIGHT = 301, 121
F32 = np.float32


def plain(x, y, size):
    half = max(2.0, size / 2.0)
    taken = np.zeros((HEIGHT // 2 + 1, WIDTH // 2 + 1), bool)
    spans = []
    for centre, n in ((y / 2.0, taken.shape[0]), (x / 2.0, taken.shape[1])):
        low = min(max(int(centre - half), 0), n - 1)
        spans.append(slice(low, min(max(int(centre + half), low + 1), n)))
    taken[tuple(spans)] = True
    return taken


def ours(occupancy, f):
    columns, rows = occupancy.size
    return np.array(
        [[occ.is_occupied(occupancy, f, F32(2 * i), F32(2 * j)) for i in range(columns)] for j in range(rows)]
    )


@pytest.mark.parametrize(
    ('x', 'y', 'size'),
    [
        (0.0, 0.0, 1.0),
        (126.0, 60.0, 30.0),
        (300.0, 120.0, 9.0),
        (-50.0, 400.0, 3.0),
        (128.5, 20.5, 600.0),
        (3.9, 7.9, 0.0),
    ],
)
def test_a_square_is_taken(x, y, size):
    occupancy = occ.occupancy(2, WIDTH, HEIGHT)
    occ.clear(occupancy)
    occ.occupy(occupancy, 1, F32(x), F32(y), F32(size))
    expected = plain(x, y, size)
    assert expected.any()
    assert (ours(occupancy, 1) == expected).all()
    assert not ours(occupancy, 0).any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-40, 340, width=32)] * 2, st.floats(0, 200, width=32)), min_size=1, max_size=4))
def test_squares_add_up(squares):
    occupancy = occ.occupancy(1, WIDTH, HEIGHT)
    occ.clear(occupancy)
    for x, y, size in squares:
        occ.occupy(occupancy, 0, F32(x), F32(y), F32(size))
    expected = np.any([plain(*square) for square in squares], axis=0)
    for j in range(0, expected.shape[0], 7):
        for i in range(0, expected.shape[1], 3):
            assert occ.is_occupied(occupancy, 0, F32(2 * i), F32(2 * j)) == expected[j, i]


def test_places_outside_ask_the_border():
    occupancy = occ.occupancy(1, WIDTH, HEIGHT)
    occ.clear(occupancy)
    occ.occupy(occupancy, 0, F32(-100.0), F32(50.0), F32(8.0))
    assert occ.is_occupied(occupancy, 0, F32(-3.0), F32(50.0))
    assert occ.is_occupied(occupancy, 0, F32(1.0), F32(50.0))
    assert not occ.is_occupied(occupancy, 0, F32(2.0), F32(50.0))


def test_a_smaller_image_in_the_same_memory():
    occupancy = occ.occupancy(1, WIDTH, HEIGHT)._replace(size=occ.cells_of(41, 21))
    occ.clear(occupancy)
    occ.occupy(occupancy, 0, F32(200.0), F32(100.0), F32(8.0))
    assert occ.is_occupied(occupancy, 0, F32(40.0), F32(20.0))
    assert occ.is_occupied(occupancy, 0, F32(1000.0), F32(1000.0))
    assert not occ.is_occupied(occupancy, 0, F32(37.0), F32(20.0))

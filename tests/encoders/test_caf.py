"""CAF targets by hand (FIELDS section 6)."""

import numpy as np
import pytest

from pifpaf_core.encoders import EncoderOptions, encode


def cells(field):
    return {(int(x), int(y)) for y, x in np.argwhere(field[0] == 1.0)}


def test_one_connection(caf, annotate, size):
    """From 4 to 14 cells along a row: squares around 6.5 to 11.5, rounded to even, point at both ends."""
    target = encode(caf, annotate({0: (32, 64, 2), 1: (112, 64, 2)}), size=size, bmin=0.8)
    assert cells(target[0]) == {(x, y) for x in range(6, 13) for y in (7, 8, 9)}
    assert target[0, 1:7, 7, 6] == pytest.approx([-2, 1, 8, 1, 0.1, 0.1])
    assert np.isnan(target[0, 7:]).all()
    assert cells(target[1]) == cells(target[2]) == set()


def test_scales_of_both_ends(caf, annotate, size):
    xy = np.array(caf.skeleton.upright) * 16.0 + 40.0  # 8 cells large
    target = encode(caf, annotate({k: (*p, 2) for k, p in enumerate(xy)}), size=size)
    for field, (a, b) in zip(target, caf.connections, strict=True):
        sigmas = np.array(caf.skeleton.sigmas)[[a, b]]
        assert np.nanmin(field[7:9], axis=(1, 2)) == pytest.approx(8.0 * sigmas)
        assert np.nanmax(field[7:9], axis=(1, 2)) == pytest.approx(8.0 * sigmas)


def test_the_later_of_two_equal_connections_has_the_cell(caf, annotate, size):
    """Two parallel lines two cells apart: the row between is equally near to both."""
    first, second = ({0: (32, y, 2), 1: (112, y, 2)} for y in (56, 72))
    assert encode(caf, annotate(first, second), size=size)[0, 2, 8, 9] == 1.0
    assert encode(caf, annotate(second, first), size=size)[0, 2, 8, 9] == -1.0


@pytest.mark.parametrize(
    ('a', 'b', 'marked', 'marked_dense'),
    [
        ((32, 64, 2), (112, 64, 2), True, True),
        ((32, 64, 1), (112, 64, 2), True, True),
        ((32, 64, 0), (112, 64, 2), False, False),
        ((-8, 64, 2), (112, 64, 2), True, False),  # one end outside
        ((-8, 64, 2), (168, 64, 2), False, False),  # both
        ((0, 0, 2), (160, 120, 2), True, True),
    ],
)
def test_ends_outside(a, b, marked, marked_dense, caf, dense, annotate, size):
    assert bool(cells(encode(caf, annotate({0: a, 1: b}), size=size)[0])) is marked
    assert bool(cells(encode(dense, annotate({0: a, 2: b}), size=size)[0])) is marked_dense


@pytest.mark.parametrize(
    ('middle', 'marked'),
    [
        ((72, 64, 2), True),  # half of the way each: not shorter than half
        ((72, 64, 0), True),  # not annotated
        (None, False),
    ],
)
def test_dense_connections_bridged_by_short_ones(middle, marked, dense, annotate, size):
    """a - c of 10 cells is superfluous if both a and c have a sparse connection shorter than 5."""
    person = {0: (32, 64, 2), 2: (112, 64, 2)}
    person |= {1: middle} if middle else {1: (40, 64, 2), 3: (104, 64, 2)}
    assert bool(cells(encode(dense, annotate(person), size=size)[0])) is marked


def test_fixed_size(caf, annotate, size):
    truth = annotate({0: (32, 64, 2), 1: (112, 64, 2)})
    target = encode(caf, truth, size=size, options=EncoderOptions(caf_fixed_size=True))
    assert cells(target[0]) == {(x, y) for x in (8, 9, 10) for y in (7, 8, 9)}


def test_min_size(caf, annotate, size):
    target = encode(caf, annotate({0: (32, 64, 2), 1: (112, 64, 2)}), size=size, options=EncoderOptions(caf_min_size=5))
    assert {y for _, y in cells(target[0])} == {6, 7, 8, 9, 10}


def test_aspect_ratio(caf, annotate, size):
    options = EncoderOptions(caf_aspect_ratio=0.5)
    target = encode(caf, annotate({0: (32, 64, 2), 1: (112, 64, 2)}), size=size, options=options)
    assert {y for _, y in cells(target[0])} == {6, 7, 8, 9, 10}
    short = encode(caf, annotate({0: (32, 64, 2), 1: (56, 64, 2)}), size=size, options=options)
    assert {y for _, y in cells(short[0])} == {7, 8, 9}


def test_near_cells_win_over_an_ignored_region(caf, annotate, size):
    truth = annotate({0: (32, 64, 2), 1: (112, 64, 2)}, {}, boxes=[[0, 0, 1, 1], [40, 40, 40, 48]])
    target = encode(caf, truth, size=size)
    assert {y for x, y in cells(target[0]) if x < 10} == {7, 8, 9}  # 10 / 10.01 is just below 1
    assert np.isnan(target[1, 0]).sum() == 8 * 9  # cells 5 to 10 and 5 to 11, one around them, and one at the end


def test_both_ends_at_one_place(caf, annotate, size):
    target = encode(caf, annotate({0: (80, 64, 2), 1: (80, 64, 2)}), size=size)
    assert cells(target[0]) == {(x, y) for x in (9, 10, 11) for y in (7, 8, 9)}

import numpy as np
import pytest

from pifpaf_core.transforms.geometry import map_points
from pifpaf_core.transforms.placement import Placement


def left_of_crop(size, boxes, position, edge=100, margin=0.0):
    placement = Placement.of(size).cropped(edge, np.array(boxes, float).reshape(-1, 4), margin, lambda: position)
    return -placement.matrix[0, 2]


@pytest.mark.parametrize(
    ('boxes', 'lowest', 'highest'),
    [
        ([], 0, 200),  # nothing of interest: anywhere
        ([[120, 10, 40, 20]], 61, 120),  # all of the box is in every window
        ([[20, 10, 250, 20]], 20, 171),  # every window lies in the box
        ([[0, 10, 30, 20]], 0, 0),  # never before the image
        ([[290, 10, 9, 20]], 200, 200),  # never behind it; the last column is reached
        ([[50, 10, 20, 20], [90, 10, 10, 20]], 1, 50),  # the union counts
        ([[400, 10, 20, 20]], 0, 200),  # outside the image, as nothing
    ],
)
def test_crop_favours_people(boxes, lowest, highest):
    assert left_of_crop((300, 40), boxes, 0.0) == lowest
    assert left_of_crop((300, 40), boxes, 1.0) == highest


def test_the_margin_around_people_counts():
    assert left_of_crop((300, 40), [[120, 10, 40, 20]], 1.0, margin=10) == 110


def test_crops_are_spread_over_the_range():
    lefts = [left_of_crop((300, 40), [], position) for position in np.linspace(0, 1, 2001)]
    counts = np.bincount(np.array(lefts, int), minlength=201)
    assert (counts[1:-1] >= 9).all()
    assert (counts[1:-1] <= 11).all()


def test_crop_keeps_a_short_side():
    placement = Placement.of((300, 40)).cropped(100, np.zeros((0, 4)), 0.0, lambda: 0.5)
    assert placement.size == (100, 40)
    assert placement.valid_area.tolist() == [0, 0, 99, 39]


def test_crop_stays_within_the_valid_area():
    padded = Placement.of((300, 40)).padded(600)  # columns 150 to 449 are image
    placement = padded.cropped(100, np.zeros((0, 4)), 0.0, lambda: 0.0)
    assert -placement.matrix[0, 2] + 150 == 150


def test_rescaling_stretches_the_width_only():
    assert Placement.of((100, 50)).rescaled(2.0, 0.75).size == (150, 100)
    assert Placement.of((3, 3)).rescaled(0.01, 1.0).size == (1, 1)


def test_valid_area_follows_all_steps():
    placement = Placement.of((101, 51)).flipped().rescaled(0.5, 1.0).turned(90).padded(61)
    assert placement.size == (61, 61)
    assert placement.valid_area.tolist() == [18, 5, 24, 49]


def test_turning_loses_nothing():
    placement = Placement.of((100, 60)).turned(30)
    corners = map_points(placement.matrix, np.array([[0, 0], [99, 0], [0, 59], [99, 59.0]]))
    assert (corners >= 0).all()
    assert (corners <= np.array(placement.size) - 1).all()


def test_padding_puts_the_odd_pixel_right_and_below():
    assert Placement.of((10, 11)).padded(13).valid_area.tolist() == [1, 1, 9, 10]

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms.geometry import (
    clip_boxes,
    map_boxes,
    map_points,
    map_truth,
    mirroring,
    rotated_size,
    rotation,
    scaling,
    translation,
)  # fmt: skip


def corners(size):
    return np.array([[0.0, 0.0], [size[0] - 1.0, 0.0], [0.0, size[1] - 1.0], [size[0] - 1.0, size[1] - 1.0]])


@pytest.mark.parametrize('new', [(500, 333), (641, 426), (7, 3), (2, 2)])
def test_scaling_keeps_corners(new):
    np.testing.assert_allclose(map_points(scaling((500, 333), new), corners((500, 333))), corners(new), atol=1e-12)


def test_scaling_of_a_single_row_stays_finite():
    assert np.isfinite(scaling((10, 1), (20, 2))).all()


def test_mirroring_exchanges_the_outer_columns():
    assert map_points(mirroring(500), np.array([[0.0, 7.0], [499.0, 7.0]])).tolist() == [[499.0, 7.0], [0.0, 7.0]]


@pytest.mark.parametrize('angle', [0, 90, 180, 270, 360, -90])
def test_quarter_turns_are_exact_and_lose_nothing(angle):
    size = rotated_size(angle, (6, 4))
    matrix = rotation(angle, (6, 4), size)
    assert size == ((4, 6) if angle % 180 else (6, 4))
    np.testing.assert_array_equal(matrix, np.round(2 * matrix) / 2)
    assert sorted(map_points(matrix, corners((6, 4))).tolist()) == sorted(corners(size).tolist())


def test_rotation_is_counter_clockwise_on_screen():
    matrix = rotation(90, (5, 5), (5, 5))
    assert map_points(matrix, np.array([4.0, 2.0])).tolist() == [2.0, 0.0]  # from the right edge to the top


@given(angle=st.floats(-180, 180), w=st.integers(1, 900), h=st.integers(1, 900))
@settings(max_examples=60, deadline=None)
def test_rotated_size_holds_the_image(angle, w, h):
    size = rotated_size(angle, (w, h))
    moved = map_points(rotation(angle, (w, h), size), corners((w, h)))
    assert (moved > -0.51).all()
    assert (moved < np.array(size) - 0.49).all()


def test_map_boxes_is_the_box_around_the_corners():
    matrix = translation(3, 4) @ rotation(30, (100, 80), (120, 130)) @ scaling((50, 80), (100, 80))
    x, y, w, h = 5.0, 6.0, 20.0, 10.0
    moved = map_points(matrix, np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]]))
    expected = [*moved.min(axis=0), *(moved.max(axis=0) - moved.min(axis=0))]
    np.testing.assert_allclose(map_boxes(matrix, np.array([[x, y, w, h]]))[0], expected, atol=1e-12)


def test_clip_boxes():
    boxes = np.array([[-5.0, -5.0, 10.0, 10.0], [20.0, 3.0, 5.0, 5.0]])
    clipped = clip_boxes(boxes, np.array([0.0, 0.0, 10.0, 10.0]))
    assert clipped[0].tolist() == [0.0, 0.0, 5.0, 5.0]
    assert clipped[1, 2] < 0


def person(crowd=False):
    keypoints = np.arange(51, dtype=float).reshape(1, 17, 3)
    return GroundTruth(keypoints, np.array([[1.0, 2.0, 30.0, 40.0]]), np.array([crowd]), np.array([1]))


def test_mirrored_people_exchange_sides():
    moved = map_truth(mirroring(100), person(), mirror=COCO_PERSON.mirror)
    left_eye, right_eye = COCO_PERSON.names.index('left_eye'), COCO_PERSON.names.index('right_eye')
    np.testing.assert_array_equal(moved.keypoints[0, left_eye, 1:], person().keypoints[0, right_eye, 1:])
    assert moved.keypoints[0, left_eye, 0] == 99.0 - person().keypoints[0, right_eye, 0]


def test_mirrored_crowds_do_not():
    moved = map_truth(mirroring(100), person(crowd=True), mirror=COCO_PERSON.mirror)
    np.testing.assert_array_equal(moved.keypoints[0, :, 1:], person().keypoints[0, :, 1:])


def test_input_is_not_changed():
    truth = person()
    map_truth(translation(5, 5), truth)
    np.testing.assert_array_equal(truth.keypoints, person().keypoints)

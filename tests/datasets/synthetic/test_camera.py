import numpy as np
import pytest

from pifpaf_core.datasets.synthetic.camera import Camera


def test_straight_ahead_is_the_middle():
    camera = Camera((640, 480), 500.0, 1.5, 0.0)
    xy, depth = camera.project(np.array([0.0, 1.5, -4.0]))
    np.testing.assert_allclose(xy, (319.5, 239.5))
    assert depth == pytest.approx(4)


def test_right_is_right_and_up_is_up():
    camera = Camera((640, 480), 500.0, 1.5, 0.0)
    (x, y), _ = camera.project(np.array([1.0, 2.5, -5.0]))
    assert (x, y) == (pytest.approx(319.5 + 100), pytest.approx(239.5 - 100))


def test_a_pitched_camera_looks_down_at_the_ground():
    camera = Camera((640, 480), 500.0, 2.0, 45.0)
    xy, depth = camera.project(np.array([0.0, 0.0, -2.0]))
    np.testing.assert_allclose(xy, (319.5, 239.5), atol=1e-9)
    assert depth == pytest.approx(np.sqrt(8))


def test_roll_tilts_the_image_clockwise():
    camera = Camera((640, 480), 500.0, 1.5, 0.0, roll=90.0)
    xy, _ = camera.project(np.array([0.0, 2.5, -5.0]))  # what was above the middle ...
    np.testing.assert_allclose(np.abs(xy - (319.5, 239.5)), (100, 0), atol=1e-9)  # ... is beside it


def test_axes_are_a_rotation():
    axes = Camera((64, 64), 50.0, 1.0, 20.0, roll=7.0).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


def test_what_lies_behind_has_negative_depth():
    assert Camera((64, 64), 50.0, 1.0, 0.0).project(np.array([0.0, 1.0, 3.0]))[1] < 0

import numpy as np
import pytest

from pifpaf_core.datasets.synthetic.camera import Camera
from pifpaf_core.datasets.synthetic.faces import SHIFT, Light, visible
from pifpaf_core.datasets.synthetic.things import box

CAMERA = Camera((64, 48), 50.0, 0.5, 0.0)
LAMP = Light(np.array([0.0, 0, 1]), np.full(3, 0.5), np.full(3, 0.25), np.full(3, 0.25))
GREY = np.full(3, 100.0)
CUBE = box((-0.1, 0.4, -3), (0.1, 0.6, -2.8), GREY)


def test_only_the_side_towards_the_camera_is_seen():
    faces = visible([(3, CUBE)], CAMERA, LAMP)
    assert len(faces.quads) == 1 and faces.owner.tolist() == [3]
    assert faces.depth == pytest.approx(2.8)
    corners = faces.quads[0] / (1 << SHIFT)
    half = 2 * 50 * 0.1 / 2.8
    np.testing.assert_allclose(np.sort(np.unique(np.round(corners[:, 0] - 63.5, 1))), (-half, half), atol=0.1)


def test_faces_behind_or_beside_the_camera_are_left_out():
    assert len(visible([(1, box((-0.1, 0.4, 2), (0.1, 0.6, 3), GREY))], CAMERA, LAMP).quads) == 0
    assert len(visible([(1, box((9, 0.4, -3), (9.2, 0.6, -2), GREY))], CAMERA, LAMP).quads) == 0
    assert visible([], CAMERA, LAMP).owner.shape == (0,)


@pytest.mark.parametrize(('direction', 'expected'), [((0, 0, 1), 0.75), ((0, 0, -1), 0.25), ((0, 1, 0), 0.25)])
def test_light_from_the_lamp_and_from_everywhere(direction, expected):
    light = Light(np.array(direction, float), LAMP.lamp, LAMP.sky, LAMP.ground)
    assert visible([(1, CUBE)], CAMERA, light).shade[0, 0] == pytest.approx(expected)


def test_coloured_light_tints():
    light = Light(LAMP.direction, np.array([0.0, 0.5, 1.0]), LAMP.sky, LAMP.ground)
    blue, green, red = visible([(1, CUBE)], CAMERA, light).colour[0]
    assert blue < green < red

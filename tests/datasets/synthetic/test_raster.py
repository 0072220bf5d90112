import numpy as np
import pytest

from pifpaf_core.datasets.synthetic.camera import Camera
from pifpaf_core.datasets.synthetic.faces import Light
from pifpaf_core.datasets.synthetic.raster import draw
from pifpaf_core.datasets.synthetic.things import ball, box

CAMERA = Camera((64, 48), 50.0, 0.5, 0.0)
LAMP = Light(np.array([0.0, 0, 1]), np.full(3, 0.5), np.full(3, 0.5), np.full(3, 0.5))
NEAR = box((-0.2, 0.4, -2), (0.0, 0.6, -1.8), np.array([0.0, 0, 200]))
FAR = box((-0.3, 0.3, -4), (0.3, 0.7, -3.8), np.array([0.0, 200, 0]))


def test_the_nearer_hides_the_farther_whatever_the_order():
    for meshes in ([(1, NEAR), (2, FAR)], [(2, FAR), (1, NEAR)]):
        drawing = draw(meshes, CAMERA, LAMP)
        owners = drawing.owner[drawing.faces]
        assert owners[47, 55] == 1 and owners[47, 70] == 2 and owners[0, 0] == 0
        depth = drawing.depth[drawing.faces]
        assert depth[47, 55] == pytest.approx(1.8) and depth[47, 70] == pytest.approx(3.8) and np.isinf(depth[0, 0])


def test_colour_and_coverage_of_the_drawn_region():
    drawing = draw([(1, NEAR)], CAMERA, LAMP)
    rows, columns = drawing.region
    assert drawing.colour.shape[:2] == (rows.stop - rows.start, columns.stop - columns.start) == drawing.coverage.shape
    y, x = 23 - rows.start, 28 - columns.start
    assert drawing.coverage[y, x] == 255
    assert drawing.colour[y, x].tolist() == [0, 0, 200]
    size = 2 * 50 * 0.2 / 1.8
    assert size / 2 < np.sqrt(drawing.coverage.sum() / 255) < size / 2 + 0.8


def test_extents_hold_all_that_is_seen():
    drawing = draw([(1, NEAR), (2, FAR)], CAMERA, LAMP)
    for owner in (1, 2):
        y, x = np.nonzero(drawing.owner[drawing.faces] == owner)
        left, top, right, bottom = drawing.extents[owner]
        assert left <= x.min() and x.max() < right and top <= y.min() and y.max() < bottom


def test_light_changes_smoothly_over_a_ball():
    light = Light(np.array([0.8, 0, 0.6]), np.ones(3), np.full(3, 0.1), np.full(3, 0.1))
    drawing = draw([(1, ball(np.array([0, 0.5, -2]), 0.4, np.full(3, 150.0)))], CAMERA, light)
    row = drawing.colour[drawing.colour.shape[0] // 2, 2:-2, 0].astype(int)
    assert row[-4] > row[3] + 60  # lit from the right
    assert np.abs(np.diff(row)).max() < 40


def test_nothing_to_draw():
    drawing = draw([], CAMERA, LAMP)
    assert drawing.colour.size == 0 and not drawing.faces.any() and drawing.extents == {}


def test_what_is_beside_the_image_draws_nothing():
    drawing = draw([(1, box((50, 0, -3), (51, 1, -2), np.zeros(3)))], CAMERA, LAMP)
    assert not drawing.faces.any()

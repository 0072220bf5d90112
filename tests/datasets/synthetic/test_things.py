import numpy as np
import pytest

from pifpaf_core.datasets.synthetic import things
from pifpaf_core.datasets.synthetic.mesh import cross
from pifpaf_core.datasets.synthetic.skeleton import euler


@pytest.mark.parametrize('seed', range(40))
def test_things_stand_on_the_ground(seed):
    thing = things.sample(np.random.default_rng(seed))
    assert -0.05 < thing.vertices[:, 1].min() < 0.3
    assert np.isfinite(thing.normals).all() and thing.quads.max() < len(thing.vertices)
    np.testing.assert_allclose(np.linalg.norm(thing.normals, axis=1), 1)


def test_a_box_is_closed_and_turns_outwards():
    box = things.box((0, 0, 0), (1, 0.5, 0.1), np.ones(3))
    corners = box.vertices[box.quads]
    area = cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
    assert np.linalg.norm(area, axis=1).sum() == pytest.approx(2 * (0.5 + 0.1 + 0.05))
    sides = (area * box.normals[box.quads[:, 0]]).sum(axis=1)
    assert (sides < 0).all() or (sides > 0).all()


def test_stripes():
    box = things.box((0, 0, 0), (1, 1, 1), np.zeros(3), stripe=np.ones(3))
    assert set(box.colours[:, 0].tolist()) == {0.0, 1.0}


def test_placing_turns_and_moves():
    moved = things.placed(things.box((0, 0, 0), (1, 1, 1), np.ones(3)), euler(0, 0, 90), np.array([5.0, 0, 0]))
    np.testing.assert_allclose(moved.vertices.min(axis=0), (5, 0, -1), atol=1e-12)


@pytest.mark.parametrize('back', [True, False])
def test_seats_have_their_height(back):
    seat = things.seat(np.random.default_rng(0), 0.5, back=back)
    assert (seat.vertices[:, 1].max() > 0.7) == back
    assert (np.abs(seat.vertices[:, 1] - 0.5) < 1e-9).any()

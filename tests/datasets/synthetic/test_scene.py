import numpy as np
import pytest

from pifpaf_core.datasets.synthetic import scene
from pifpaf_core.datasets.synthetic.chance import generator

SIZE = (320, 240)


def scenes(n):
    return [scene.sample(generator(0, i), SIZE) for i in range(n)]


def test_people_are_many_or_few_or_none():
    counts = [len(s.people) for s in scenes(80)]
    assert min(counts) == 0 and max(counts) >= 6 and 2 < np.mean(counts) < 4
    assert any(s.crowds for s in scenes(40))
    assert any(not s.things for s in scenes(40)) and any(len(s.things) > 2 for s in scenes(60))


def test_nobody_stands_in_another():
    for s in scenes(40):
        spots = np.array([(x, z) for x, z, _ in s._spots]).reshape(-1, 2)
        distances = np.linalg.norm(spots[:, None] - spots[None], axis=2) + 99 * np.eye(len(spots))
        assert distances.min(initial=99) > 0.25


def test_everyone_stands_on_the_ground_or_jumps():
    for s in scenes(40):
        for person, (_, mesh) in zip(s.people, scene.meshes(s), strict=False):
            assert -0.12 < mesh.vertices[:, 1].min() < 0.6
            assert person.bones.joints[:, 2].max() < 0  # before the camera


def test_owners_are_people_then_crowds_then_things():
    for s in scenes(40):
        owners = [owner for owner, _ in scene.meshes(s)]
        assert owners[: len(s.people)] == list(range(1, len(s.people) + 1))
        assert max(owners, default=0) <= len(s.people) + len(s.crowds) + 1 < 255
        assert owners.count(len(s.people) + len(s.crowds) + 1) == len(s.things)


def test_the_farthest_is_as_far_as_anything():
    for s in scenes(40):
        for person in s.people:
            assert -person.bones.joints[0, 2] < s.farthest + 1


def test_shadows_fall_on_the_ground():
    s = next(s for s in scenes(20) if s.people)
    for (ends, widths), _ in zip(scene.shadows(s), s.people, strict=False):
        assert ends.shape[1:] == (2, 2) and len(ends) == len(widths) and (widths > 0).all()


@pytest.mark.parametrize(
    ('x', 'z', 'radius', 'free'), [(0, 0, 0.4, False), (1, 0, 0.4, True), (0, 2, 0.5, True), (0.6, 0, 0.3, False)]
)
def test_free_spots(x, z, radius, free):
    s = scene.sample(generator(0, 0), SIZE)
    s._spots.clear()
    s.occupy(0.0, 0.0, 0.5)
    assert s.is_free(x, z, radius) is free

"""wardrobe, figure, face: build, looks and surface."""

import dataclasses

import numpy as np
import pytest

from pifpaf_core.datasets.synthetic import figure, wardrobe
from pifpaf_core.datasets.synthetic.annotate import keypoint_positions
from pifpaf_core.datasets.synthetic.skeleton import Body, Pose, posed


@pytest.fixture
def looks():
    return wardrobe.sample_looks(np.random.default_rng(0))


def person(looks, **body):
    return figure.Person(Body(**body), looks, posed(Body(**body), Pose()))


def test_bodies_are_human():
    rng = np.random.default_rng(0)
    bodies = [wardrobe.sample_body(rng) for _ in range(300)]
    heights = np.array([body.height for body in bodies])
    assert heights.min() > 0.95 and heights.max() < 2.05 and (heights < 1.45).mean() == pytest.approx(0.15, abs=0.07)


def test_looks_vary():
    rng = np.random.default_rng(0)
    drawn = [wardrobe.sample_looks(rng) for _ in range(300)]
    assert {look.hairstyle for look in drawn} == set(wardrobe.HAIRSTYLES)
    assert {look.pattern for look in drawn} == set(wardrobe.PATTERNS)
    for look in drawn:
        assert all(colour.min() >= 0 and colour.max() < 300 for colour in (look.skin, look.hair, look.top, look.bottom))


@pytest.mark.parametrize('hairstyle', wardrobe.HAIRSTYLES)
@pytest.mark.parametrize('sides', [5, 14])
def test_each_hairstyle_can_be_built(looks, hairstyle, sides):
    mesh = figure.build(person(dataclasses.replace(looks, hairstyle=hairstyle)), sides=sides)
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.normals).all()
    assert mesh.quads.max() < len(mesh.vertices) and len(mesh.colours) == len(mesh.quads)


@pytest.mark.parametrize('pattern', wardrobe.PATTERNS)
def test_each_pattern_shows(looks, pattern):
    def colours(name):
        return figure.build(
            person(dataclasses.replace(looks, pattern=name, accent=np.array([1.0, 2, 3]))), sides=12
        ).colours

    accented = (colours(pattern) == (1, 2, 3)).all(axis=1).any()
    assert accented == (pattern != 'plain')


@pytest.mark.parametrize(
    ('field', 'value'),
    [('skirt', 1.0), ('backpack', True), ('glasses', True), ('beard', True), ('sleeves', 0.06), ('legwear', 0.8)],
)
def test_each_garment_changes_the_surface(looks, field, value):
    plain = dataclasses.replace(
        looks, skirt=0.0, backpack=False, glasses=False, beard=False, sleeves=1.93, legwear=1.93, hairstyle='short'
    )
    before, after = (
        figure.build(person(look), sides=8) for look in (plain, dataclasses.replace(plain, **{field: value}))
    )
    same = before.colours.shape == after.colours.shape and np.array_equal(before.colours, after.colours)
    assert not same or len(before.patches) != len(after.patches)


def test_the_feet_are_the_lowest_of_a_standing_person(looks):
    someone = person(looks, height=1.8)
    mesh = figure.build(someone, sides=8)
    assert figure.lowest(someone.body, someone.bones) == pytest.approx(mesh.vertices[:, 1].min(), abs=0.02)


def test_keypoints_lie_in_or_on_the_body(looks):
    someone = person(dataclasses.replace(looks, skirt=0.0))
    mesh = figure.build(someone, sides=12)
    for position in keypoint_positions(someone):
        assert np.linalg.norm(mesh.vertices - position, axis=1).min() < 0.12


def test_left_and_right_are_the_persons_own(looks):
    positions = keypoint_positions(person(looks))
    assert (positions[1::2, 0] > 0).all() and (positions[2::2, 0] < 0).all()
    assert positions[0, 2] > positions[3, 2] + 0.05  # the nose lies before the ears


def test_without_skirt(looks):
    trousers = figure.without_skirt(dataclasses.replace(looks, skirt=1.0, legwear=0.1))
    assert trousers.skirt == 0 and trousers.legwear > 1.5

import dataclasses

import numpy as np
import pytest

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.transforms.augmentation import Augmentation
from pifpaf_core.transforms.colour import ColourRecipe
from pifpaf_core.transforms.geometry import map_points

PLAIN = ColourRecipe(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0, jpeg=0.0, grey=0.0)
STILL = Augmentation(
    edge=129, mirror=COCO_PERSON.mirror, flip=0.0, scale=(1.0, 1.0), stretch=(1.0, 1.0), rotation_probability=0.0,
    colours=PLAIN,
)  # fmt: skip
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)]


def people(*boxes, crowd=()):
    n = len(boxes)
    keypoints = np.zeros((n, 17, 3))
    marks = np.isin(np.arange(n), crowd)
    return GroundTruth(keypoints, np.array(boxes, float).reshape(n, 4), marks, np.ones(n, np.int64))


def dots():
    """An image with six coloured dots, and one person whose first keypoints lie on them."""
    image = np.full((200, 300, 3), 128, np.uint8)
    truth = people([60.0, 40.0, 180.0, 120.0])
    for i, colour in enumerate(COLOURS):
        x, y = 70 + 32 * i, 50 + 20 * (i % 5)
        image[y - 2 : y + 3, x - 2 : x + 3] = colour
        truth.keypoints[0, i] = (x, y, 2)
    return image, truth


def centre_of(image, colour):
    y, x = np.nonzero((np.abs(image.astype(int) - colour) < 60).all(axis=-1))
    return np.array([x.mean(), y.mean()]) if len(x) >= 4 else None


@pytest.mark.parametrize('seed', range(12))
def test_keypoints_stay_on_what_they_mark(seed):
    image, truth = dots()
    recipe = Augmentation(edge=385, mirror=tuple(range(17)), scale=(0.8, 2.0), quarter_turn=0.3, colours=PLAIN)
    sample = recipe(image, truth, np.random.default_rng(seed))
    found = 0
    for i, colour in enumerate(COLOURS):
        xy = sample.truth.keypoints[0, i, :2]
        centre = centre_of(sample.image, colour)
        if centre is not None and (xy > 6).all() and (xy < 378).all():
            np.testing.assert_allclose(centre, xy, atol=0.8)
            found += 1
    assert found >= 2
    np.testing.assert_allclose(
        map_points(np.linalg.inv(sample.meta.matrix), sample.truth.keypoints[0, :6, :2]), truth.keypoints[0, :6, :2]
    )


def test_a_function_of_the_generator():
    image, truth = dots()
    first, again, other = (Augmentation(edge=97)(image, truth, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.truth.keypoints, again.truth.keypoints)
    assert (first.meta.matrix != other.meta.matrix).any()


def samples(recipe, n=40):
    image, truth = dots()
    return [recipe(image, truth, np.random.default_rng(seed)) for seed in range(n)]


def scales(recipe):
    return np.array([np.abs(np.linalg.det(sample.meta.matrix[:2, :2])) ** 0.5 for sample in samples(recipe)])


def angles(recipe):
    return np.array([np.degrees(np.arctan2(s.meta.matrix[0, 1], s.meta.matrix[0, 0])) for s in samples(recipe)])


def test_still_recipe_only_crops():
    assert (scales(STILL) == 1.0).all()
    assert {s.image.shape for s in samples(STILL)} == {(129, 129, 3)}
    assert len({s.meta.matrix[0, 2] for s in samples(STILL)}) > 20


def test_flip_mirrors_image_and_sides():
    sample = dataclasses.replace(STILL, flip=1.0)(*dots(), np.random.default_rng(0))
    assert sample.meta.mirrored
    left_eye = COCO_PERSON.names.index('left_eye')
    np.testing.assert_allclose(centre_of(sample.image, COLOURS[COCO_PERSON.mirror[left_eye]]),
                               sample.truth.keypoints[0, left_eye, :2], atol=0.1)  # fmt: skip
    assert {s.meta.mirrored for s in samples(dataclasses.replace(STILL, flip=0.5))} == {True, False}


def test_scale_is_log_uniform_in_its_range():
    found = scales(dataclasses.replace(STILL, scale=(0.25, 4.0)))
    assert found.min() > 0.24
    assert found.max() < 4.02
    assert 0.4 < (found < 1.0).mean() < 0.6


def test_rescale():
    assert np.allclose(scales(dataclasses.replace(STILL, rescale=0.5)), 0.5, atol=0.01)


def test_stretch_changes_the_width_only():
    matrices = [s.meta.matrix for s in samples(dataclasses.replace(STILL, stretch=(0.5, 2.0)))]
    assert {m[1, 1] for m in matrices} == {1.0}
    widths = [m[0, 0] for m in matrices]
    assert min(widths) < 0.8
    assert max(widths) > 1.5


def test_rotation():
    found = angles(dataclasses.replace(STILL, rotation=20.0, rotation_probability=0.5))
    assert 0.3 < (found == 0.0).mean() < 0.7
    assert np.abs(found).max() <= 20.0
    assert found.min() < -10
    assert found.max() > 10


def test_quarter_turns():
    found = angles(dataclasses.replace(STILL, quarter_turn=1.0, rotation_probability=1.0))
    assert set(np.round(found)) <= {0.0, 90.0, -90.0, 180.0, -180.0}
    assert len(set(np.round(found))) >= 4


def test_blur():
    image = np.random.default_rng(0).integers(0, 256, (129, 129, 3)).astype(np.uint8)
    sharp = STILL(image, people(), np.random.default_rng(0))
    blurred = dataclasses.replace(STILL, blur=1.0)(image, people(), np.random.default_rng(0))
    none = dataclasses.replace(STILL, blur=1.0, blur_sigma=0.0)(image, people(), np.random.default_rng(0))
    np.testing.assert_array_equal(sharp.image, image)
    np.testing.assert_array_equal(none.image, image)
    assert blurred.image.std() < 0.7 * image.std()


def test_padding_is_one_random_grey():
    greys = set()
    for sample in samples(dataclasses.replace(STILL, edge=385), 10):
        corner = sample.image[0, 0]
        assert (corner == corner[0]).all()
        assert (sample.image[:20] == corner).all()
        greys.add(int(corner[0]))
    assert len(greys) > 5


def test_colours_have_an_effect():
    image, truth = dots()
    plain, coloured = (
        dataclasses.replace(STILL, colours=c)(image, truth, np.random.default_rng(0)) for c in (PLAIN, ColourRecipe())
    )
    np.testing.assert_array_equal(plain.meta.matrix, coloured.meta.matrix)
    assert (plain.image != coloured.image).mean() > 0.5


def test_resample_has_an_effect():
    image = np.random.default_rng(0).integers(0, 256, (400, 400, 3)).astype(np.uint8)
    half = dataclasses.replace(STILL, rescale=0.3)
    linear, area = (
        dataclasses.replace(half, resample=r)(image, people(), np.random.default_rng(0)).image
        for r in ('linear', 'area')
    )
    assert area.std() < 0.7 * linear.std()


def test_boxes_are_cut_and_dropped():
    truth = people([0, 0, 128, 128], [100, 20, 50, 30], [400, 20, 50, 30])
    recipe = dataclasses.replace(STILL, margin=0.0)
    image = np.zeros((129, 1000, 3), np.uint8)
    cut = recipe._truth(truth, recipe.place((1000, 129), truth.selected(np.array([0])), np.random.default_rng(0)))
    assert cut.boxes.tolist() == [[0, 0, 128, 128], [100, 20, 28, 30]]
    assert len(recipe(image, truth, np.random.default_rng(0)).truth) < 3


def test_keypoints_outside_stay():
    image, truth = dots()
    sample = dataclasses.replace(STILL, edge=33, margin=0.0)(image, truth, np.random.default_rng(0))
    assert sample.truth.keypoints[0, :, 2].sum() == 12
    assert (sample.truth.keypoints[0, :6, :2] < 0).any() or (sample.truth.keypoints[0, :6, :2] > 32).any()


@pytest.mark.parametrize(
    ('change', 'crowds'),
    [({}, [False, False]), ({'min_size': 30.0}, [False, True]), ({'min_visible': 0.6}, [False, True])],
)
def test_small_and_cut_boxes_become_crowds(change, crowds):
    truth = people([0, 0, 128, 128], [100, 20, 56, 28])
    recipe = dataclasses.replace(STILL, margin=0.0, **change)
    placement = recipe.place((1000, 129), truth.selected(np.array([0])), np.random.default_rng(0))
    assert recipe._truth(truth, placement).crowd.tolist() == crowds


def test_crowds_do_not_attract_crops():
    truth = people([0, 0, 128, 128], [800, 0, 128, 128], crowd=[1])
    sample = dataclasses.replace(STILL, margin=0.0)(np.zeros((129, 1000, 3), np.uint8), truth, np.random.default_rng(0))
    assert sample.meta.matrix[0, 2] == 0.0


def test_image_without_annotations():
    sample = Augmentation(edge=65)(np.zeros((50, 300, 3), np.uint8), people(), np.random.default_rng(0))
    assert len(sample.truth) == 0
    assert sample.image.shape == (65, 65, 3)


def test_meta():
    image, truth = dots()
    sample = STILL(image, truth, np.random.default_rng(0), image_id=5, file_name='a.jpg', dataset='cocokp')
    assert (sample.meta.image_id, sample.meta.file_name, sample.meta.dataset) == (5, 'a.jpg', 'cocokp')
    assert (sample.meta.original_size, sample.meta.size) == ((300, 200), (129, 129))

"""Suppression of keypoints and instance scales (FIELDS section 4)."""

import numpy as np
import pytest

from pifpaf_core.encoders.options import EncoderOptions
from pifpaf_core.encoders.people import instance_scales, people
from pifpaf_core.skeletons import skeleton_from_tables
from pifpaf_core.skeletons.cocokp import COCO_PERSON

SQUARE = skeleton_from_tables(
    [
        ('a', 0.1, (0.0, 0.0)),
        ('b', 0.1, (4.0, 0.0)),
        ('c', 0.1, (0.0, 4.0)),
        ('d', 0.1, (4.0, 4.0)),
        ('e', 0.1, (0.5, 0.5)),
    ],
    [(1, 2)],
)


@pytest.fixture
def skeleton(cif):
    return cif.skeleton


def left(annotate, skeleton, *instances, boxes=None, crowd=(), **options):
    """v of keypoint 0 of everybody who has a target, after suppression."""
    truth = annotate(*instances, boxes=boxes, crowd=crowd)
    return people(truth, skeleton, stride=8, options=EncoderOptions(**options)).keypoints[:, 0, 2].tolist()


@pytest.mark.parametrize(
    ('first', 'second', 'expected'),
    [
        ((50, 50, 1), (82, 18, 2), [0, 2]),  # hidden, a visible one of somebody else within 32 px
        ((50, 50, 1), (82.1, 50, 2), [1, 2]),  # too far in x
        ((50, 50, 1), (50, 17.9, 2), [1, 2]),  # too far in y
        ((50, 50, 1), (50, 50, 1), [1, 1]),  # both hidden
        ((50, 50, 2), (50, 50, 2), [2, 2]),  # both visible
    ],
)
def test_selfhidden(first, second, expected, annotate, skeleton):
    both = {0: first}, {0: second}
    assert left(annotate, skeleton, *both) == expected
    assert left(annotate, skeleton, *reversed(both)) == expected[::-1]
    assert left(annotate, skeleton, *both, suppress_selfhidden=False) == [first[2], second[2]]


def test_a_crowd_hides_nobody(annotate, skeleton):
    assert left(annotate, skeleton, {0: (50, 50, 1)}, {0: (50, 50, 2)}, crowd=[1]) == [1]


def test_invisible(annotate, skeleton):
    instances = {0: (50, 50, 1)}, {0: (150, 50, 2)}
    assert left(annotate, skeleton, *instances) == [1, 2]
    assert left(annotate, skeleton, *instances, suppress_invisible=True) == [0, 2]


@pytest.mark.parametrize(
    ('distance', 'side', 'expected'),
    [
        (15.9, 10, [0, 0]),
        (16.0, 10, [2, 2]),  # strict
        (19.9, 100, [0, 0]),  # a fifth of the largest side
        (20.0, 100, [2, 2]),
    ],
)
def test_collision(distance, side, expected, annotate, skeleton):
    instances = {0: (50, 50, 2)}, {0: (50 + distance, 50 - distance, 2)}
    boxes = [[0, 0, 5, 5], [0, 0, 1, side]]
    assert left(annotate, skeleton, *instances, boxes=boxes, suppress_collision=True) == expected
    assert left(annotate, skeleton, *instances, boxes=boxes) == [2, 2]


def test_collision_comes_before_selfhidden(annotate, skeleton):
    """Both of the colliding pair go, so nobody visible is left to hide the third."""
    instances = {0: (50, 50, 2)}, {0: (60, 50, 2)}, {0: (80, 50, 1)}
    assert left(annotate, skeleton, *instances, suppress_collision=True) == [0, 0, 1]
    assert left(annotate, skeleton, *instances) == [2, 2, 0]


def test_what_is_ignored(annotate, skeleton):
    boxes = [[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3], [0, 0, 4, 4]]
    truth = annotate({0: (9, 9, 2)}, {}, {0: (9, 9, 2)}, {0: (10, 10, 1)}, boxes=boxes, crowd=[2])
    instances = people(truth, skeleton, stride=8, options=EncoderOptions())
    assert instances.ignored.tolist() == [boxes[1], boxes[2]]  # no keypoints; a crowd; not who lost all to suppression
    assert instances.keypoints[:, 0, :3].tolist() == [[9 / 8, 9 / 8, 2], [10 / 8, 10 / 8, 0]]


def scale_of(skeleton, xy, seen):
    keypoints = np.concatenate([np.array(xy, float), np.isin(np.arange(len(xy)), seen)[:, None]], axis=1)
    return instance_scales(keypoints[None], skeleton)[0]


def test_scale_of_a_whole_pose_is_the_root_of_its_area():
    assert scale_of(COCO_PERSON, COCO_PERSON.upright, range(17)) == pytest.approx(np.sqrt(3.5 * 9.7))


def test_scale_of_a_part_is_that_of_the_whole():
    """Half of the square in both directions: a quarter of the area upright, half of it when turned."""
    assert scale_of(SQUARE, np.array(SQUARE.upright) * 3.0, [0, 1, 2]) == pytest.approx(12.0)
    assert scale_of(SQUARE, np.array(SQUARE.upright) * 3.0, [0, 1, 4]) == pytest.approx(
        np.sqrt(12.0 * 1.5) * np.sqrt(min(16 / 2, 32 / (4 / np.sqrt(2) * 4 / np.sqrt(2))))
    )


def test_scale_factor_is_limited():
    face = COCO_PERSON.upright
    area = (0.7 - -0.7) * (9.7 - 9.5)
    assert scale_of(COCO_PERSON, face, [1, 2, 3, 4]) == pytest.approx(5.0 * np.sqrt(area))


@pytest.mark.parametrize(
    ('xy', 'seen'),
    [
        (np.array(SQUARE.upright), [0, 1]),  # two keypoints
        (np.array(SQUARE.upright) * 1e-3, [0, 1, 2, 3]),  # tiny
        (np.array([[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]), [0, 1, 2]),  # no extent
    ],
)
def test_scales_that_are_unknown(xy, seen):
    assert np.isnan(scale_of(SQUARE, xy, seen))


def test_a_part_that_says_nothing_has_no_scale():
    dot = skeleton_from_tables(
        [('a', 0.1, (0.0, 0.0)), ('b', 0.1, (0.1, 0.0)), ('c', 0.1, (0.0, 0.1)), ('d', 0.1, (4.0, 4.0))], [(1, 2)]
    )
    xy = [[0, 0], [10, 0], [0, 10], [400, 400]]
    assert np.isnan(scale_of(dot, xy, [0, 1, 2]))
    assert scale_of(dot, xy, [0, 1, 2, 3]) == pytest.approx(400)

import json

import numpy as np
import pytest

from pifpaf_core.datasets.instance_checks import LOOSE_BOX, OUTSIDE, SWAPPED, instance_findings, is_swapped
from pifpaf_core.skeletons.animal import ANIMAL
from pifpaf_core.skeletons.apollo import CAR_24
from pifpaf_core.skeletons.cocokp import COCO_PERSON

IMAGE = {'width': 200, 'height': 300}
INDEX = {name: i for i, name in enumerate(COCO_PERSON.names)}


def person(*, turn=0.0):
    """[17, 3]: facing the camera: their left is on the right of the image; turned clockwise by ``turn`` degrees."""
    xy = np.array(COCO_PERSON.upright) * [-20, -20]
    angle = np.radians(turn)
    xy = xy @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.concatenate([xy - xy.mean(axis=0) + [100, 150], np.full((17, 1), 2.0)], axis=1)


def mirrored_names(keypoints):
    return keypoints[list(COCO_PERSON.mirror)]


def annotation(keypoints, **changes):
    low, high = keypoints[:, :2].min(axis=0), keypoints[:, :2].max(axis=0)
    box = [*low.tolist(), *(high - low).tolist()]
    return {'keypoints': keypoints.reshape(-1).tolist(), 'bbox': box, 'iscrowd': 0, **changes}


def kinds(keypoints, **changes):
    return list(instance_findings(annotation(keypoints, **changes), IMAGE, COCO_PERSON.names))


@pytest.mark.parametrize('turn', [0.0, 30.0, 90.0, 180.0, 270.0])
def test_left_and_right(turn):
    assert not is_swapped(person(turn=turn), COCO_PERSON.names)
    assert is_swapped(mirrored_names(person(turn=turn)), COCO_PERSON.names)


def test_face_against_body():
    """Only shoulders are exchanged."""
    swapped = person()
    swapped[[5, 6]] = swapped[[6, 5]]
    assert is_swapped(swapped, COCO_PERSON.names)


def test_only_eyes_are_exchanged():
    swapped = person()
    swapped[[1, 2]] = swapped[[2, 1]]
    assert is_swapped(swapped, COCO_PERSON.names)


@pytest.mark.parametrize(('name', 'visibility'), [('nose', 1), ('left_eye', 0), ('right_eye', 1)])
def test_a_face_that_is_not_seen_says_nothing(name, visibility):
    """From behind, the shoulders are the other way round, rightly."""
    behind = mirrored_names(person())
    behind[INDEX[name], 2] = visibility
    assert not is_swapped(behind, COCO_PERSON.names)


def test_profile_is_not_judged():
    profile = mirrored_names(person()) * [0.1, 1, 1]
    assert not is_swapped(profile, COCO_PERSON.names)


def test_hidden_shoulders_count_and_unlabelled_do_not():
    swapped = person()
    swapped[[5, 6]] = swapped[[6, 5]]
    swapped[5, 2] = 1
    assert is_swapped(swapped, COCO_PERSON.names)
    swapped[5, 2] = 0
    assert not is_swapped(swapped, COCO_PERSON.names)


def test_animals_have_eyes_and_cars_have_none():
    pose = np.concatenate([np.array(ANIMAL.upright) * [-1, -1], np.full((20, 1), 2.0)], axis=1)
    assert not is_swapped(pose, ANIMAL.names)
    assert is_swapped(pose[list(ANIMAL.mirror)], ANIMAL.names)
    assert not is_swapped(np.full((24, 3), 2.0), CAR_24.names)


def test_sound_instance():
    assert kinds(person()) == []


@pytest.mark.parametrize(('x', 'found'), [(199.5, []), (200.5, [OUTSIDE]), (-1.5, [OUTSIDE]), (-0.5, [])])
def test_outside_the_image(x, found):
    keypoints = person()
    keypoints[9, 0] = x
    assert kinds(keypoints) == found
    keypoints[9, 2] = 0
    assert OUTSIDE not in kinds(keypoints)


def test_box_does_not_hold_its_keypoints():
    assert kinds(person(), bbox=[100, 150, 10, 10]) == [LOOSE_BOX]
    low, high = person()[:, :2].min(axis=0), person()[:, :2].max(axis=0)
    inner = [*(low + 0.2 * (high - low)), *(0.6 * (high - low))]
    assert kinds(person(), bbox=inner) == []


def test_all_at_once():
    keypoints = mirrored_names(person())
    keypoints[9, 0] = -50
    assert kinds(keypoints, bbox=[100, 150, 10, 10]) == [OUTSIDE, LOOSE_BOX, SWAPPED]


def test_what_is_not_checked():
    swapped = mirrored_names(person())
    assert kinds(swapped, iscrowd=1) == []
    assert list(instance_findings({'bbox': [0, 0, 1, 1]}, IMAGE, COCO_PERSON.names)) == []
    assert list(instance_findings(annotation(swapped), IMAGE, ())) == []


def test_photographs(repository):
    """Not one of the twelve people is suspicious, and most are once left and right are exchanged."""
    path = repository / 'examples/coco-eight/annotations/person_keypoints_val2017.json'
    people = [np.array(a['keypoints'], float).reshape(17, 3) for a in json.loads(path.read_text())['annotations']]
    assert sum(is_swapped(keypoints, COCO_PERSON.names) for keypoints in people) == 0
    assert sum(is_swapped(mirrored_names(keypoints), COCO_PERSON.names) for keypoints in people) == 9

import dataclasses

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pifpaf_core.datasets.synthetic import annotate, figure, scene, things, wardrobe
from pifpaf_core.datasets.synthetic.camera import Camera
from pifpaf_core.datasets.synthetic.chance import generator
from pifpaf_core.datasets.synthetic.faces import Light
from pifpaf_core.datasets.synthetic.raster import draw
from pifpaf_core.datasets.synthetic.scene import Scene
from pifpaf_core.datasets.synthetic.skeleton import Body, Bones, Pose, euler, posed

CAMERA = Camera((320, 240), 300.0, 1.0, 0.0)
LIGHT = Light(np.array([0.0, 0, 1]), np.full(3, 0.5), np.full(3, 0.5), np.full(3, 0.5))
LEFT, RIGHT, FACE = [5, 7, 9, 11, 13, 15], [6, 8, 10, 12, 14, 16], [0, 1, 2]


def person(heading=0.0, place=(0.0, 0.0, -3.0), pose=None):
    looks = wardrobe.sample_looks(np.random.default_rng(0))
    looks = dataclasses.replace(looks, skirt=0.0, backpack=False, hairstyle='short')
    body = Body()
    bones, turn = posed(body, pose or Pose(shoulder=[(0, 15, 0)] * 2)), euler(0, 0, heading)
    joints = bones.joints @ turn.T
    joints += np.array(place) - (0, figure.lowest(body, Bones(joints, turn @ bones.frames)), 0)
    return figure.Person(body, looks, Bones(joints, turn @ bones.frames))


def annotations(*people, things=(), crowds=()):
    what = Scene(CAMERA, LIGHT, list(people), list(crowds), list(things))
    return annotate.records(what, draw(scene.meshes(what), CAMERA, LIGHT), image_id=5)


def keypoints(record):
    return np.array(record['keypoints']).reshape(17, 3)


def test_all_is_seen_from_the_front():
    (record,) = annotations(person())
    assert keypoints(record)[:, 2].tolist() == [2] * 17 and record['num_keypoints'] == 17
    assert keypoints(record)[5, 0] > keypoints(record)[6, 0]  # the left shoulder is on the right of the image
    assert record['id'] == 5001 and record['image_id'] == 5 and record['category_id'] == 1 and record['iscrowd'] == 0


def test_the_face_is_hidden_from_behind_and_the_body_is_not():
    v = keypoints(annotations(person(heading=180))[0])[:, 2]
    assert (v[FACE] == 1).all() and (v[5:] == 2).all()


@pytest.mark.parametrize(('heading', 'near', 'far'), [(90, RIGHT, LEFT), (-90, LEFT, RIGHT)])
def test_the_far_side_is_hidden_in_profile(heading, near, far):
    pose = Pose(shoulder=[(40, 5, 0)] * 2)  # a hanging arm would hide the near hip
    v = keypoints(annotations(person(heading=heading, pose=pose))[0])[:, 2]
    assert (v[near] == 2).all()
    assert v[far[0]] == 1 and v[far[3]] == 1  # shoulder and hip


def test_a_thing_in_front_hides_what_is_behind_it():
    table = things.box((-1, 0, -2.2), (1, 0.7, -2.0), np.zeros(3))
    free, hidden = annotations(person())[0], annotations(person(), things=[table])[0]
    v = keypoints(hidden)[:, 2]
    assert (v[13:] == 1).all() and (v[:9] == 2).all()
    np.testing.assert_array_equal(keypoints(hidden)[:, :2], keypoints(free)[:, :2])
    assert hidden['area'] < 0.8 * free['area'] and hidden['bbox'][3] < 0.8 * free['bbox'][3]


def test_another_person_hides():
    behind = keypoints(annotations(person(place=(0, 0, -2.5)), person())[1])
    assert (behind[:, 2] == 1).sum() > 8


def test_keypoints_outside_the_image_are_zero():
    found = keypoints(annotations(person(place=(0.0, 0.0, -1.2)))[0])
    assert (found[15:] == 0).all() and found[5, 2] == 2


def test_small_people_have_a_box_and_no_keypoints():
    (record,) = annotations(person(place=(0, 0, -40.0)))
    assert record['num_keypoints'] == 0 and not any(record['keypoints']) and record['bbox'][3] > 5


def test_who_cannot_be_seen_has_no_record():
    wall = things.box((-2, 0, -2.2), (2, 3, -2.0), np.zeros(3))
    assert annotations(person(), things=[wall]) == []
    assert annotations(person(place=(50, 0, -3))) == []


def test_a_crowd_is_one_region_with_its_mask():
    crowd = [person(place=(x, 0, -9.0)) for x in (-1.0, -0.3, 0.5)]
    (record,) = annotations(crowds=[crowd])
    assert record['iscrowd'] == 1 and record['num_keypoints'] == 0 and not any(record['keypoints'])
    height, width = record['segmentation']['size']
    packed = coco_mask.frPyObjects(record['segmentation'], height, width)
    mask = coco_mask.decode(packed)
    assert mask.shape == (240, 320)
    assert mask.sum() == pytest.approx(record['area'], rel=0.1)
    x, y, w, h = record['bbox']
    np.testing.assert_allclose(coco_mask.toBbox(packed), (x, y, w, h), atol=1.5)


def test_run_lengths():
    mask = np.array([[0, 1], [0, 1], [1, 0]], bool)
    assert annotate.run_lengths(mask) == {'counts': [2, 3, 1], 'size': [3, 2]}
    assert annotate.run_lengths(~mask) == {'counts': [0, 2, 3, 1], 'size': [3, 2]}


def test_properties_of_many_images():
    n_visible = n_hidden = 0
    for index in range(40):
        what = scene.sample(generator(11, index), (320, 240))
        for record in annotate.records(what, draw(scene.meshes(what), what.camera, what.light), image_id=1):
            x, y, w, h = record['bbox']
            assert x >= 0 and y >= 0 and x + w <= 320 and y + h <= 240 and w > 0 and h > 0
            assert 0 < record['area'] <= w * h + 1e-6
            found = keypoints(record)
            labelled, visible = found[found[:, 2] > 0], found[found[:, 2] == 2]
            assert ((labelled[:, :2] >= 0) & (labelled[:, :2] <= (319, 239))).all()
            assert (visible[:, :2] >= (x - 0.01, y - 0.01)).all() and (
                visible[:, :2] <= (x + w + 0.01, y + h + 0.01)
            ).all()
            assert record['num_keypoints'] == len(labelled)
            assert not found[found[:, 2] == 0].any()
            n_visible, n_hidden = n_visible + len(visible), n_hidden + len(labelled) - len(visible)
    assert n_visible > 2 * n_hidden > 100

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pifpaf_core.metrics.oks import match, oks
from pifpaf_core.skeletons.cocokp import COCO_PERSON

SIGMAS = COCO_PERSON.sigmas


@pytest.fixture
def people():
    """Three people far apart; the second has a few labelled keypoints only."""
    xy = np.array(COCO_PERSON.upright) * [10.0, -10.0] + [50.0, 120.0]
    people = np.stack(
        [np.concatenate([xy + np.array([200.0 * i, 5.0 * i]), np.full((17, 1), 2.0)], 1) for i in range(3)]
    )
    people[1, 4:, 2] = 0.0
    people[1, 4:, :2] = 0.0
    return people


AREAS = np.array([2500.0, 3600.0, 1800.0])


def test_oks_is_pycocotools(people):
    poses = people + np.random.default_rng(0).normal(0.0, 4.0, people.shape)
    poses[..., 2] = 1.0
    truth = COCO()
    truth.dataset = {
        'images': [{'id': 1}],
        'categories': [{'id': 1}],
        'annotations': [
            {'id': i + 1, 'image_id': 1, 'category_id': 1, 'iscrowd': 0, 'keypoints': person.reshape(-1).tolist(),
             'num_keypoints': int((person[:, 2] > 0).sum()), 'area': AREAS[i], 'bbox': [0, 0, 10, 10]}
            for i, person in enumerate(people)
        ],
    }  # fmt: skip
    truth.createIndex()
    found = truth.loadRes([
        {'image_id': 1, 'category_id': 1, 'keypoints': pose.reshape(-1).tolist(), 'score': 1.0 - 0.1 * i}
        for i, pose in enumerate(poses)
    ])  # fmt: skip
    evaluation = COCOeval(truth, found, 'keypoints')
    evaluation._prepare()
    assert np.allclose(oks(poses, people, AREAS, sigmas=SIGMAS), evaluation.computeOks(1, 1), atol=1e-12)


def test_each_finds_its_own(people):
    matching = match(people[[2, 0, 1]], people, AREAS, sigmas=SIGMAS)
    assert {(pose, person) for pose, person, _ in matching.pairs} == {(0, 2), (1, 0), (2, 1)}
    assert all(value == pytest.approx(1.0) for *_, value in matching.pairs)
    assert matching.one_to_one


def test_a_duplicate_is_left_over(people):
    matching = match(people[[0, 1, 2, 1]], people, AREAS, sigmas=SIGMAS)
    assert matching.poses_left == (3,)
    assert matching.people_left == ()
    assert not matching.one_to_one


def test_a_missed_person_is_left_over(people):
    matching = match(people[[0, 2]], people, AREAS, sigmas=SIGMAS)
    assert matching.people_left == (1,)
    assert not matching.one_to_one


def test_the_threshold_decides(people):
    shifted = people + np.array([7.0, 0.0, 0.0])
    similarity = oks(shifted, people, AREAS, sigmas=SIGMAS).diagonal()
    assert ((similarity > 0.1) & (similarity < 0.5)).any()
    strict = match(shifted, people, AREAS, sigmas=SIGMAS)
    loose = match(shifted, people, AREAS, sigmas=SIGMAS, threshold=0.1)
    assert len(strict.pairs) == (similarity >= 0.5).sum() < len(loose.pairs)


def test_nobody(people):
    assert match(np.zeros((0, 17, 3)), np.zeros((0, 17, 3)), np.zeros(0), sigmas=SIGMAS).one_to_one
    assert match(np.zeros((0, 17, 3)), people, AREAS, sigmas=SIGMAS).people_left == (0, 1, 2)
    unlabelled = people * [1.0, 1.0, 0.0]
    assert match(people, unlabelled, AREAS, sigmas=SIGMAS).pairs == ()

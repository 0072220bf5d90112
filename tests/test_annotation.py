import numpy as np
import pytest

from pifpaf_core.annotation import Box, GroundTruth, Pose
from pifpaf_core.headmeta import CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON


def pose(confidences):
    keypoints = np.zeros((17, 3))
    for i, v in enumerate(confidences):
        keypoints[i] = (10.0 * i + 1, 5.0 * i + 2, v)
    return Pose(COCO_PERSON, keypoints, (keypoints[:, 2] > 0) * 3.0)


def test_score_weighs_the_sorted_confidences():
    """FIELDS section 12, rule 9: the weights 3, 3, 3, 1, ... meet the highest confidences, not particular joints."""
    assert pose([0.1, 0.9]).score == pytest.approx((3 * 0.9 + 3 * 0.1) / 23)
    assert pose([0.9, 0.1]).score == pose([0.1, 0.9]).score


def test_box_holds_the_found_keypoints_and_their_sizes():
    assert pose([0.5, 0.5]).box.tolist() == [-2.0, -1.0, 16.0, 11.0]
    assert pose([]).box.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_json_raises_small_confidences_and_rounds():
    record = pose([1e-5, 0.456789]).to_coco()
    assert record['keypoints'][:6] == [1.0, 2.0, 0.01, 11.0, 7.0, 0.46]
    assert record['score'] == round(3 * (0.456789 + 1e-5) / 23, 3)
    assert pose([]).to_coco()['score'] == 0.001


def test_inverse_maps_back_and_leaves_absent_keypoints():
    matrix = np.array([[0.5, 0.0, 7.0], [0.0, 0.25, -3.0], [0.0, 0.0, 1.0]])
    back = pose([0.5, 0.5]).inverse(matrix)
    assert back.keypoints[1].tolist() == [(11 - 7) / 0.5, (7 + 3) / 0.25, 0.5]
    assert back.scales[:3].tolist() == [6.0, 6.0, 0.0]
    assert back.keypoints[2].tolist() == [0.0, 0.0, 0.0]


def test_box_inverse_and_json():
    meta = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'dog'))
    box = Box(meta, np.array([10.0, 20.0, 30.0, 40.0]), 0.5, 2)
    back = box.inverse(np.diag([2.0, 4.0, 1.0]))
    assert back.xywh.tolist() == [5.0, 5.0, 15.0, 10.0]
    assert back.to_coco() == {'bbox': [5.0, 5.0, 15.0, 10.0], 'score': 0.5, 'category_id': 2, 'category': 'dog'}


def test_ground_truth_selection():
    truth = GroundTruth(
        np.zeros((3, 17, 3)), np.arange(12.0).reshape(3, 4), np.array([False, True, False]), np.ones(3, int)
    )
    assert len(truth.selected(~truth.crowd)) == 2
    assert len(GroundTruth.empty(17)) == 0

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pifpaf_core.decoders.nms import suppress_boxes, suppress_keypoints
from pifpaf_core.decoders.occupancy import occupancy

SIZE = 10.0


def suppress(poses, keypoint_threshold=0.15, instance_threshold=0.15):
    """The poses that stay, in order."""
    poses = np.array(poses, np.float32)
    order = np.arange(len(poses))
    thresholds = keypoint_threshold, instance_threshold
    means = np.empty(len(poses), np.float32)
    n = suppress_keypoints(poses, order, means, *thresholds, occupancy(poses.shape[1], 301, 201))
    return poses[order[:n]], order[:n].tolist()


def pose(x, confidence, n=2):
    """Keypoints of equal confidence in a column."""
    return [[x, 20.0 + 50.0 * k, confidence, SIZE] for k in range(n)]


def test_the_best_mean_comes_first():
    _, order = suppress([pose(50.0, 0.5), pose(100.0, 0.9), pose(150.0, 0.7)])
    assert order == [1, 2, 0]


def test_equal_means_keep_their_order():
    _, order = suppress([pose(50.0, 0.5), pose(100.0, 0.5), pose(150.0, 0.5)])
    assert order == [0, 1, 2]


def test_a_second_pose_in_the_same_place_goes():
    poses, order = suppress([pose(50.0, 0.5), pose(52.0, 0.9)])
    assert order == [1]
    np.testing.assert_allclose(poses[0, :, 2], 0.9)


def test_without_thresholds_it_stays_with_a_trace_of_its_confidence():
    poses, order = suppress([pose(50.0, 0.5), pose(52.0, 0.9)], 0.0, 0.0)
    assert order == [1, 0]
    np.testing.assert_allclose(poses[1, :, 2], 0.5e-5, rtol=1e-5)


def test_a_suppressed_keypoint_takes_no_place():
    """The second, 8 px beside the first, is suppressed; the third one is too near to the second one only."""
    poses, order = suppress([pose(50.0, 0.9), pose(58.0, 0.8), pose(66.0, 0.7)], 0.0, 0.0)
    assert order == [0, 2, 1]
    assert (poses[:, 0, 2] > 0.1).tolist() == [True, True, False]


def test_zeroed_keypoints_keep_their_place_and_missing_ones_take_none():
    low = [[50.0, 20.0, 0.1, SIZE], [50.0, 70.0, 0.9, SIZE]]
    missing = [[100.0, 20.0, 0.9, SIZE], [0.0, 0.0, 0.0, 0.0]]
    corner = [[150.0, 20.0, 0.5, SIZE], [1.0, 1.0, 0.5, SIZE]]
    poses, order = suppress([low, missing, corner])
    assert order == [2, 0, 1]
    by_index = dict(zip(order, poses, strict=True))
    assert by_index[0][0].tolist() == [50.0, 20.0, 0.0, SIZE]
    assert by_index[1][1].tolist() == [0.0] * 4
    assert by_index[2][1, 2] == 0.5


def test_means_count_missing_keypoints():
    three = [[50.0, 20.0, 0.4, SIZE], [0.0] * 4, [0.0] * 4]
    assert suppress([three], 0.15, 0.13)[1] == [0]
    assert suppress([three], 0.15, 0.14)[1] == []


def test_only_the_poses_that_take_part():
    poses = np.array([pose(50.0, 0.9), pose(51.0, 0.8), pose(150.0, 0.7)], np.float32)
    order = np.array([1, 2])
    n = suppress_keypoints(poses, order, np.empty(3, np.float32), 0.15, 0.15, occupancy(2, 301, 201))
    assert order[:n].tolist() == [1, 2]


def plain_suppressed(boxes, scores, categories):
    """One box after the other, the way it is told."""
    kept, result = [], scores.copy()
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        for k in kept:
            if categories[k] != categories[i]:
                continue
            low, high = np.maximum(boxes[i, :2], boxes[k, :2]), np.minimum(boxes[i, 2:], boxes[k, 2:])
            shared = np.prod(np.maximum(high - low, 0.0))
            if shared > 0.5 * (np.prod(boxes[i, 2:] - boxes[i, :2]) + np.prod(boxes[k, 2:] - boxes[k, :2]) - shared):
                result[i] *= 0.1
                break
        else:
            kept.append(i)
    return result


corner = st.integers(0, 12)
boxes = st.lists(st.tuples(corner, corner, st.integers(1, 12), st.integers(1, 12), st.integers(0, 1)), max_size=12)


@settings(max_examples=100, deadline=None)
@given(boxes)
def test_boxes_like_the_plain_way(rows):
    rows = np.array(rows, np.float64).reshape(-1, 5)
    xyxy = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    scores = 0.2 + 0.7 * np.random.default_rng(len(rows)).permutation(len(rows)) / max(1, len(rows))
    ours = suppress_boxes(xyxy, scores, rows[:, 4])
    np.testing.assert_allclose(ours, plain_suppressed(xyxy, scores, rows[:, 4]))


@pytest.mark.parametrize(('right', 'kept'), [(20.0, 0.08), (20.1, 0.8)])
def test_boxes_that_overlap_by_half(right, kept):
    """The first box is 10 wide. A second one that holds it may be twice as wide, not a bit less."""
    xyxy = np.array([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, right - 0.1, 10.0]])
    assert suppress_boxes(xyxy, np.array([0.9, 0.8]), np.zeros(2))[1] == pytest.approx(kept)


def test_empty_boxes_do_not_suppress():
    xyxy = np.zeros((3, 4))
    assert suppress_boxes(xyxy, np.array([0.9, 0.8, 0.7]), np.zeros(3)).tolist() == [0.9, 0.8, 0.7]
    assert suppress_boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0)).tolist() == []

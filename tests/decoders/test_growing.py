import numpy as np
from scenes import A, B, C, Scene, chain_decoder

from pifpaf_core.decoders.growing import wiring
from pifpaf_core.skeletons.cocokp import COCO_PERSON


def test_pairs_are_ordered_by_start_and_connection():
    wires = wiring(3, [(1, 2), (0, 1)])
    assert wires.pairs.tolist() == [[0, 1, 2], [1, 2, 0], [1, 0, 3], [2, 1, 1]]
    assert wires.first.tolist() == [0, 1, 3, 4]


def test_a_pair_that_occurs_twice_uses_its_first_connection():
    wires = wiring(2, [(0, 1), (1, 0), (0, 1)])
    assert wires.pairs.tolist() == [[0, 1, 0], [1, 0, 1]]


def test_the_skeleton_of_coco():
    wires = wiring(17, COCO_PERSON.connections)
    assert len(wires.pairs) == 38
    assert sorted(wires.pairs[:, 2].tolist()) == list(range(38))
    for start, end, number in wires.pairs:
        connection = COCO_PERSON.connections[number // 2]
        assert (start, end) == (connection if number % 2 == 0 else connection[::-1])


def test_keypoints_without_connection_have_no_pairs():
    wires = wiring(3, [])
    assert wires.pairs.shape == (0, 3)
    assert wires.first.tolist() == [0, 0, 0, 0]


def test_a_pose_grows_step_by_step(chain):
    """All three are equally sure, so that the first field starts."""
    (pose,) = chain_decoder()(chain.keypoint(2, *C).fields)
    np.testing.assert_allclose(pose.keypoints[:, :2], [A, B, C], atol=1e-4)
    assert pose.decoding_order.tolist() == [[0, 1], [1, 2]]


def test_confidence_is_the_root_of_value_and_start(chain):
    (pose,) = chain_decoder()(chain.keypoint(2, *C).fields)
    start = 0.9 * 0.9 + 0.1 * 0.9  # sixteen cells of 0.9 make a map of 0.9
    value = 0.9 * (0.1 + 0.9 * 0.9)
    first = np.sqrt(value * start)
    np.testing.assert_allclose(pose.keypoints[:, 2], [start, first, np.sqrt(value * first)], rtol=1e-5)


def test_the_better_connection_grows_first():
    """From the second keypoint: to the third one, of which the fields are surer."""
    scene = Scene().keypoint(1, *B, confidence=1.0).keypoint(0, *A).keypoint(2, *C)
    scene.connect(0, A, B, confidence=0.6).connect(1, B, C, confidence=0.9)
    (pose,) = chain_decoder()(scene.fields)
    assert pose.decoding_order.tolist() == [[1, 2], [1, 0]]


def test_copies_come_from_the_strongest_neighbour():
    """Between a weak and a strong one: the place of the strong one."""
    scene = Scene().keypoint(0, *A, confidence=0.6).keypoint(2, *C)
    decoder = chain_decoder(force_complete_pose=True, force_complete_caf_th=-1.0)
    poses = decoder(scene.fields)
    assert len(poses) == 2
    strong = poses[0]
    np.testing.assert_allclose(strong.keypoints, [[*C, 1e-5], [*C, 1e-5], [*C, 0.9]], rtol=1e-5)
    np.testing.assert_allclose(strong.scales, 16.0, rtol=1e-5)

"""Poses as recorded; every option has an effect; nothing but the fields counts."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import (
    COCO_PERSON,
    A,
    B,
    C,
    Scene,
    chain_decoder,
    chain_heads,
    chain_scene,
    coco_decoder,
    recorded,
)

from benchmarks.parity import decoder as parity
from benchmarks.people import fields as fields_of
from benchmarks.people import heads, people
from pifpaf_core.annotation import Pose
from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.decoders.cifcaf import CifCaf


def array(poses):
    """[P, K, 4] x, y, confidence, size."""
    return np.stack([np.c_[pose.keypoints, pose.scales] for pose in poses]) if poses else np.zeros((0, 3, 4))


def same(a, b):
    """Bit by bit, in order."""
    return len(a) == len(b) and array(a).tobytes() == array(b).tobytes()


# Recorded numbers


def test_recorded_numbers(repository):
    cases = [case for case in parity.cases(repository / 'tests' / 'golden') if not case.is_absent]
    assert len(cases) == 32
    assert [case for case in cases if not case.holds] == []


def test_a_pose_is_complete(repository):
    arrays = recorded()
    poses = coco_decoder(8)([arrays['s8/n5/noise1/cif'], arrays['s8/n5/noise1/caf']])
    assert len(poses) == 5
    for pose, record in zip(poses, json.loads(str(arrays['s8/n5/noise1/json'])), strict=True):
        assert isinstance(pose, Pose)
        assert pose.skeleton is COCO_PERSON
        assert pose.keypoints.shape == (17, 3)
        assert pose.scales.shape == (17,)
        assert pose.category_id == record['category_id'] == 1
        assert len(pose.decoding_order) == np.count_nonzero(pose.scales) - 1  # also those that were too weak in the end
        assert len({end for _, end in pose.decoding_order.tolist()}) == len(pose.decoding_order)


@pytest.mark.parametrize('stride', [8, 16])
def test_decoding_what_was_encoded(stride):
    """A network that predicts the targets of three people: they are found where they are."""
    truth = people(3, seed=4)
    poses = coco_decoder(stride)(fields_of(truth, heads(stride)))
    assert len(poses) == 3
    for keypoints in truth.keypoints[..., :2]:
        errors = [np.abs(pose.keypoints[:, :2] - keypoints).max() for pose in poses]
        assert min(errors) < 0.5


def test_nothing():
    assert chain_decoder()(Scene().fields) == []
    assert chain_decoder(force_complete_pose=True)(Scene().fields) == []


# Options


def test_seed_threshold(chain):
    """Seeds of 0.9."""
    assert len(chain_decoder(seed_threshold=0.89)(chain.fields)) == 1
    assert len(chain_decoder(seed_threshold=0.91)(chain.fields)) == 0


def test_a_lower_seed_threshold_lets_weaker_keypoints_grow():
    """From the first keypoint by a second one of 0.12 to the third one. The second itself is too weak to be kept."""
    scene = Scene().keypoint(0, *A, confidence=0.35).keypoint(2, *C, confidence=0.35)
    scene.connect(0, A, B, confidence=0.41).connect(1, B, C, confidence=0.5)
    options = {'caf_th': 0.03, 'keypoint_threshold_rel': 0.0, 'instance_threshold': 0.0}
    lower = chain_decoder(**options, seed_threshold=0.1)(scene.fields)
    usual = chain_decoder(**options)(scene.fields)
    assert [(pose.keypoints[:, 2] > 0.0).tolist() for pose in lower] == [[True, False, True]]
    assert [np.count_nonzero(pose.keypoints[:, 2]) for pose in usual] == [1, 1]


def test_instance_threshold(chain):
    (pose,) = chain_decoder()(chain.fields)
    mean = pose.keypoints[:, 2].mean()
    assert len(chain_decoder(instance_threshold=float(mean) - 1e-4)(chain.fields)) == 1
    assert len(chain_decoder(instance_threshold=float(mean) + 1e-4)(chain.fields)) == 0


def test_instance_threshold_is_zero_when_poses_are_completed():
    scene = Scene().keypoint(0, *A, confidence=0.4, side=3)
    assert len(chain_decoder()(scene.fields)) == 0
    assert len(chain_decoder(force_complete_pose=True)(scene.fields)) == 1
    assert len(chain_decoder(force_complete_pose=True, instance_threshold=0.15)(scene.fields)) == 0


def test_cif_th(chain):
    """Cells of 0.9 vote up to a threshold of 0.9; without votes a seed has a tenth of its cell."""
    options = {'seed_threshold': 0.05, 'keypoint_threshold': 0.0, 'instance_threshold': 0.0}
    for threshold, confidence in ((0.89, 0.9), (0.91, 0.09)):
        poses = chain_decoder(**options, cif_th=threshold)(chain.fields)
        assert poses[0].keypoints[:, 2].max() == pytest.approx(confidence, rel=1e-4)


def test_caf_th():
    scene = Scene().keypoint(0, *A).keypoint(1, *B).connect(0, A, B, confidence=0.4)
    for threshold, found in ((0.36, 2), (0.37, 1)):  # with the map's support 0.4 * (0.1 + 0.9 * 0.9) = 0.364
        poses = chain_decoder(caf_th=threshold)(scene.fields)
        assert max(np.count_nonzero(pose.keypoints[:, 2]) for pose in poses) == found


def test_dense_connections():
    """Only a dense connection leads from the first keypoint to the last."""
    scene = Scene().keypoint(0, *A).keypoint(2, *C).connect(0, A, C, dense=True)
    assert [np.count_nonzero(pose.keypoints[:, 2]) for pose in chain_decoder()(scene.fields)] == [1, 1]
    grown = []
    for factor in (1.0, 0.6):
        (pose,) = chain_decoder(dense_connections=factor)(scene.fields)
        np.testing.assert_allclose(pose.keypoints[[0, 2], :2], [A, C], atol=1e-4)
        grown.append(pose.keypoints[2, 2])
    assert grown[1] == pytest.approx(grown[0] * np.sqrt(0.6), rel=1e-4)
    assert len(chain_decoder(dense_connections=0.3)(scene.fields)) == 2  # below the CAF threshold


def test_force_complete_pose(chain):
    """The last keypoint is not in the Cif field, and the connection to it is only a tenth as sure."""
    (plain,) = chain_decoder()(chain.fields)
    assert plain.keypoints[2].tolist() == [0.0, 0.0, 0.0]
    (complete,) = chain_decoder(force_complete_pose=True)(chain.fields)
    np.testing.assert_allclose(complete.keypoints[2, :2], C, atol=1e-4)
    assert 0.1 < complete.keypoints[2, 2] < 0.4


@pytest.mark.parametrize(('threshold', 'place'), [(0.001, C), (0.089, C), (0.0901, B), (-1.0, B)])
def test_force_complete_caf_th(chain, threshold, place):
    """Above the threshold the keypoint is grown, below it is copied from its neighbour; -1 always copies."""
    (pose,) = chain_decoder(force_complete_pose=True, force_complete_caf_th=threshold)(chain.fields)
    np.testing.assert_allclose(pose.keypoints[2, :2], place, atol=1e-4)
    assert bool(pose.keypoints[2, 2] == np.float32(1e-5)) is (place == B)


def test_completing_reaches_further():
    """A connection that starts 1.5 sizes beside the keypoint is found only while poses are completed."""
    beside = A[0] + 24.0, A[1]
    scene = Scene().keypoint(0, *A).connect(0, beside, B)
    assert len(chain_decoder()(scene.fields)[0].decoding_order) == 0
    (pose,) = chain_decoder(force_complete_pose=True)(scene.fields)
    np.testing.assert_allclose(pose.keypoints[1, :2], B, atol=1e-4)
    assert pose.decoding_order.tolist() == [[0, 1]]


def test_nms_before_force_complete():
    """A lone third keypoint of 0.35, a pose of 0.12 in the mean: it goes before it is completed."""
    scene = chain_scene().keypoint(2, C[0], C[1] + 30.0, confidence=0.35)
    plain = chain_decoder(force_complete_pose=True)(scene.fields)
    early = chain_decoder(force_complete_pose=True, nms_before_force_complete=True)(scene.fields)
    assert len(plain) == 2
    assert len(early) == 1


def test_nms_before_force_complete_refills_weak_keypoints(chain):
    """A keypoint below the threshold is taken away before poses are completed, and then grown once more."""
    options = {'force_complete_pose': True, 'keypoint_threshold': 0.7, 'caf_th': 0.05}
    (plain,) = chain_decoder(**options)(chain.fields)
    (early,) = chain_decoder(**options, nms_before_force_complete=True)(chain.fields)
    assert plain.decoding_order.tolist() == [[0, 1], [1, 2]]
    assert early.decoding_order.tolist() == [[0, 1], [1, 2], [1, 2]]


@pytest.mark.parametrize(('threshold', 'found'), [(0.8, 3), (0.85, 2), (0.87, 1)])
def test_keypoint_threshold(chain, threshold, found):
    """Confidences are 0.9, 0.859 and 0.839."""
    (pose,) = chain_decoder(keypoint_threshold=threshold)(chain.keypoint(2, *C).fields)
    assert np.count_nonzero(pose.keypoints[:, 2]) == found


def test_keypoint_threshold_rel():
    """The connection's value is 0.364, so the second keypoint has sqrt(0.364 * 0.9) = 0.572: 0.636 of the first."""
    scene = Scene().keypoint(0, *A).keypoint(1, *B).connect(0, A, B, confidence=0.4)
    assert len(chain_decoder(keypoint_threshold_rel=0.63)(scene.fields)[0].decoding_order) == 1
    assert len(chain_decoder(keypoint_threshold_rel=0.64)(scene.fields)[0].decoding_order) == 0


def test_greedy():
    """Both ends lead to the middle. The surer start is popped first; the better connection comes from the other one."""
    near, far = (B[0] - 2.0, B[1]), (B[0] + 2.0, B[1])
    scene = Scene().keypoint(0, *A, confidence=1.0).keypoint(1, *B).keypoint(2, *C)
    scene.connect(0, A, near, confidence=0.4).connect(1, far, C, confidence=1.0)
    options = {'reverse_match': False, 'dense_connections': 1.0}
    scene.connect(0, A, C, confidence=1.0, dense=True)
    (plain,) = chain_decoder(**options)(scene.fields)
    (greedy,) = chain_decoder(**options, greedy=True)(scene.fields)
    assert plain.keypoints[1, 0] == pytest.approx(far[0], abs=1e-3)
    assert greedy.keypoints[1, 0] == pytest.approx(near[0], abs=1e-3)


def test_greedy_as_recorded():
    arrays = recorded()
    fields = [arrays['s16/n20/noise1/cif'], arrays['s16/n20/noise1/caf']]
    assert not same(coco_decoder(16)(fields), coco_decoder(16, greedy=True)(fields))


def test_connection_method():
    """Two candidates, the second one beside the first and half as sure: blended, or the best alone."""
    scene = Scene().keypoint(0, *A).keypoint(1, *B)
    scene.connect(0, A, B, n=1).connect(0, A, (B[0] + 3.0, B[1]), row=7, confidence=0.7, n=1)
    (blend,) = chain_decoder(reverse_match=False)(scene.fields)
    (best,) = chain_decoder(reverse_match=False, connection_method='max')(scene.fields)
    assert best.keypoints[1, 0] == pytest.approx(B[0], abs=1e-3)
    assert B[0] + 0.5 < blend.keypoints[1, 0] < B[0] + 2.5
    assert best.keypoints[1, 2] > blend.keypoints[1, 2]


def test_block_joints():
    """Two first keypoints lead to the same second one: the other pose may have it too, or not."""
    above, below = (30.0, 30.0), (30.0, 80.0)
    scene = Scene().keypoint(0, *above, confidence=1.0).keypoint(0, *below, confidence=0.95).keypoint(1, *B)
    scene.connect(0, above, B).connect(0, below, B, n=3)
    options = {'reverse_match': False, 'instance_threshold': 0.0}
    free = chain_decoder(**options)(scene.fields)
    blocked = chain_decoder(**options, block_joints=True)(scene.fields)
    assert sorted(len(pose.decoding_order) for pose in free) == [1, 1]
    assert sorted(len(pose.decoding_order) for pose in blocked) == [0, 1]


def test_block_joints_while_poses_are_completed():
    """The place that is refused is taken by a keypoint that was itself found in completion."""
    above, below = (30.0, 30.0), (30.0, 80.0)
    scene = Scene().keypoint(0, *above, confidence=1.0).keypoint(0, *below, confidence=0.95)
    scene.connect(0, above, B).connect(0, below, B, n=3)
    options = {'force_complete_pose': True, 'keypoint_threshold': 0.0}
    free = chain_decoder(**options)(scene.fields)
    blocked = chain_decoder(**options, block_joints=True)(scene.fields)
    assert sorted(len(pose.decoding_order) for pose in free) == [1, 1]
    assert sorted(len(pose.decoding_order) for pose in blocked) == [0, 1]


def test_reverse_match():
    """From A to B, but back from B to somewhere else: followed only without the reverse check."""
    elsewhere = (30.0, 100.0)
    scene = Scene().keypoint(0, *A).keypoint(0, *elsewhere).keypoint(1, *B)
    scene.connect(0, A, B, confidence=0.5, n=3).connect(0, elsewhere, B, confidence=1.0, n=3)

    def connected(**options):
        poses = chain_decoder(instance_threshold=0.0, **options)(scene.fields)
        return {tuple(pose.keypoints[0, :2].round().tolist()): len(pose.decoding_order) for pose in poses}

    assert connected()[A] == 0
    assert connected(reverse_match=False)[A] == 1


# Nothing but the fields counts


def poison(decoder):
    """Fill all the memory that a decoder has kept with bytes that are no sensible number."""

    def arrays(thing):
        if isinstance(thing, np.ndarray):
            yield thing
        elif isinstance(thing, tuple):
            for part in thing:
                yield from arrays(part)

    found = list(arrays(tuple(decoder._pool._free)))
    for memory in found:
        memory.view(np.uint8).fill(0xFF)
    return len(found)


@pytest.mark.parametrize('options', [{}, {'force_complete_pose': True, 'nms_before_force_complete': True}])
def test_what_memory_held_before_does_not_count(options):
    arrays = recorded()
    fields = [arrays['s8/n5/noise1/cif'], arrays['s8/n5/noise1/caf']]
    decoder = coco_decoder(8, **options)
    first = decoder(fields)
    assert poison(decoder) > 20
    assert same(decoder(fields), first)


def random_fields(seed, columns=20):
    """Fields of a network that was never trained: something everywhere."""
    rng = np.random.default_rng(seed)
    result = []
    for field in Scene().fields[:2]:
        field = field[..., :columns].copy()
        field[:, 1] = rng.uniform(0.0, 1.0, field[:, 1].shape) ** rng.choice([0.5, 1.0, 4.0])
        places = 2 if field.shape[1] == 5 else 4
        field[:, 2 : 2 + places] += rng.normal(0.0, rng.choice([0.3, 2.0]), field[:, 2 : 2 + places].shape)
        field[:, 2 + places :] = rng.uniform(0.1, 4.0, field[:, 2 + places :].shape)
        result.append(field.astype(np.float32))
    return result


def chain_pair_decoder(**options):
    """A decoder of the two sparse heads alone."""
    return CifCaf(*chain_heads()[:2], options=DecoderOptions(**options))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(2, 20), st.booleans())
def test_the_same_fields_give_the_same_poses(seed, other, columns, complete):
    """Whatever was decoded in between, of whatever size, by this decoder or another one."""
    decoder = chain_pair_decoder(force_complete_pose=complete)
    fields = random_fields(seed)
    first = decoder(fields)
    decoder(random_fields(other, columns))
    poison(decoder)
    assert same(decoder(fields), first)
    assert same(chain_pair_decoder(force_complete_pose=complete)(fields), first)


def test_after_ten_thousand_others():
    decoder = chain_pair_decoder()
    fields = random_fields(0)
    first = decoder(fields)
    assert first
    others = [random_fields(seed, columns=3) for seed in range(1, 21)]
    for _ in range(500):
        for other in others:
            decoder.arrays(other)
    assert same(decoder(fields), first)


def test_threads_share_a_decoder():
    decoder = chain_pair_decoder(force_complete_pose=True)
    images = [random_fields(seed, columns=5 + seed % 16) for seed in range(48)]
    expected = [decoder(fields) for fields in images]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(decoder, images * 3))
    assert all(same(a, b) for a, b in zip(found, expected * 3, strict=True))


def test_fields_are_not_changed():
    fields = random_fields(1)
    copies = [field.copy() for field in fields]
    chain_pair_decoder(force_complete_pose=True)(fields)
    assert all((a == b).all() for a, b in zip(fields, copies, strict=True))


def test_other_memory_layouts_and_types():
    fields = random_fields(2)
    expected = chain_pair_decoder()(fields)
    strange = [np.asfortranarray(fields[0]).astype(np.float64), fields[1][::-1][::-1]]
    assert same(chain_pair_decoder()(strange), expected)


def test_heads_of_different_strides(chain):
    """A Caf head of half the resolution: the same places in pixels."""
    from scenes import chain_heads

    from pifpaf_core.decoders import DecoderOptions
    from pifpaf_core.decoders.cifcaf import CifCaf

    cif, caf, _ = chain_heads()
    coarse = np.zeros((2, 8, 8, 10), np.float32)
    coarse[:, 1:] = np.pad(chain.caf, ((0, 0), (0, 0), (0, 1), (0, 0)))[:, 1:, ::2, ::2]
    coarse[:, 2:] /= 2.0
    decoder = CifCaf(cif, caf.bound(1, 16), options=DecoderOptions(connection_method='max'))
    (pose,) = decoder([chain.cif, coarse])
    np.testing.assert_allclose(pose.keypoints[:2, :2], [A, B], atol=1e-3)


def test_wholly_broken_fields():
    for value in (np.nan, np.inf, -np.inf, 1e38):
        fields = [np.full_like(field, value) for field in Scene().fields[:2]]
        assert isinstance(chain_pair_decoder(force_complete_pose=True)(fields), list)

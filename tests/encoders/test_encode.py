"""All encoders together: recorded numbers, and what holds for any of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.parity import encoders as parity
from pifpaf_core.annotation import GroundTruth
from pifpaf_core.encoders import EncoderOptions, encode
from pifpaf_core.headmeta import Caf, Cif, HeadMeta, Layout
from pifpaf_core.skeletons import skeleton_from_tables
from pifpaf_core.skeletons.cocokp import COCO_PERSON


def test_golden_targets(repository):
    cases = [case for case in parity.cases(repository / 'tests' / 'golden') if not case.is_absent]
    assert len(cases) == 9
    assert [case for case in cases if not case.holds] == []


def test_all_recorded_targets(shared):
    cases = list(parity.cases(shared / 'reference'))
    assert len(cases) == 22
    assert [case for case in cases if not case.holds or case.is_absent] == []


def test_unknown_heads_are_no_silent_zeros(annotate, size):
    class Other(HeadMeta):
        prediction = target = Layout(n_components=1, confidence=0, vectors=())

    with pytest.raises(TypeError, match='Other'):
        encode(Other(name='other', dataset='line'), annotate(), size=size)


@pytest.mark.parametrize('head', ['cif', 'caf', 'dense', 'cifdet'])
def test_nobody(head, request, annotate, size):
    meta = request.getfixturevalue(head)
    target = encode(meta, annotate(), size=size)
    assert target.shape == (meta.n_fields, meta.target.n_components, 16, 21)
    assert target.dtype == np.float32
    assert (target[:, meta.target.confidence] == 0.0).all()
    assert np.isnan(np.delete(target, meta.target.confidence, axis=1)).all()


def test_wrong_number_of_keypoints(annotate, size):
    person = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON).bound(0, 8)
    with pytest.raises(ValueError, match=r'the skeleton has 17\. Give \[instances, 17, 3\]'):
        encode(person, annotate({0: (1, 1, 2)}), size=size)


@pytest.mark.parametrize('head', ['cif', 'caf'])
def test_ground_truth_is_not_touched(head, request, annotate, size):
    truth = annotate({0: (50, 50, 2), 1: (60, 60, 2)}, {0: (51, 51, 1)})
    before = truth.keypoints.copy()
    encode(request.getfixturevalue(head), truth, size=size)
    assert np.array_equal(truth.keypoints, before)


@pytest.mark.parametrize('kind', [np.float32, np.float64, np.int64])
def test_any_number_type(kind, cif, annotate, size):
    truth = annotate({0: (50, 50, 2)})
    other = GroundTruth(
        truth.keypoints.astype(kind), truth.boxes.astype(kind), truth.crowd.astype(kind), truth.categories
    )
    assert np.array_equal(encode(cif, other, size=size), encode(cif, truth, size=size), equal_nan=True)


coordinates = st.tuples(st.floats(-40, 200), st.floats(-40, 160), st.sampled_from([0, 1, 2]))
crowds = st.lists(st.tuples(st.lists(coordinates, min_size=4, max_size=4), st.booleans()), max_size=4)


@settings(max_examples=60, deadline=None)
@given(crowds, st.sampled_from([2, 4, 8, 16]), st.booleans())
def test_positive_cells_point_at_keypoints(people, stride, is_caf):
    """Whatever is annotated: every vector of a positive cell ends at an annotated keypoint of its kind."""
    skeleton = skeleton_from_tables([(name, 0.1, (0.0, 0.0)) for name in 'abcd'], [(1, 2), (3, 4)])
    meta = (Caf if is_caf else Cif)(name='h', dataset='d', skeleton=skeleton).bound(0, stride)
    keypoints = np.array([p for p, _ in people], float).reshape(-1, 4, 3)
    truth = GroundTruth(
        keypoints,
        np.tile([20.0, 20.0, 50.0, 30.0], (len(people), 1)),
        np.array([c for _, c in people], bool),
        np.ones(len(people), np.int64),
    )
    target = encode(
        meta,
        truth,
        size=(161, 121),
        valid_area=np.array([10.0, 5.0, 120.0, 90.0]),
        options=EncoderOptions(suppress_selfhidden=False),
    )
    positive = target[:, meta.target.confidence] == 1.0
    ends = [(a,) for a in range(4)] if not is_caf else meta.connections
    for field, y, x in np.argwhere(positive):
        for vector, k in enumerate(ends[field]):
            point = (np.array([x, y]) + target[field, meta.target.vector(vector), y, x]) * stride
            rows = keypoints[~truth.crowd & (keypoints[:, k, 2] > 0.0), k, :2]
            assert np.abs(rows - point).max(axis=1).min() < 1e-3
    vectors = np.isfinite(target[:, meta.target.vector(0)]).all(axis=1)
    assert np.array_equal(vectors, positive)

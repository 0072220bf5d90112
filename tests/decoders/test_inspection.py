import numpy as np
import pytest
from oracle import as_prediction

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.decoders.inspection import Inspector
from pifpaf_core.encoders import encode
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON

CIF = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2).bound(0, 16)
CAF = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON, upsample=2).bound(1, 16)
DET = CifDet(name='cifdet', dataset='cocodet', categories=('person',)).bound(2, 16)
XY = np.array(COCO_PERSON.upright) * [12.0, -16.0] + [70.0, 170.0]


@pytest.fixture
def fields():
    """The fields of one person."""
    keypoints = np.concatenate([XY, np.full((17, 1), 2.0)], 1)[None]
    truth = GroundTruth(keypoints, np.array([[40.0, 10.0, 60.0, 165.0]]), np.zeros(1, bool), np.ones(1, int))
    return [as_prediction(encode(meta, truth, size=(129, 193)), meta) for meta in (CIF, CAF)]


def test_one_person(fields):
    (seen,) = Inspector([CIF, CAF, DET], DecoderOptions())([*fields, np.zeros((1, 6, 25, 17), np.float32)])
    assert seen.skeleton is COCO_PERSON
    assert seen.maps[0].shape == (17, 193, 129)
    for keypoint, (x, y) in enumerate(XY):
        assert seen.maps[0][keypoint].max() == seen.maps[0][keypoint, round(y), round(x)] > 0.9
    assert set(seen.seed_fields) == set(range(17))
    assert np.allclose(seen.seed_xy, XY[seen.seed_fields], atol=1e-3)
    assert (np.diff(seen.seed_confidences) <= 0).all()
    for (source, target), found in zip(COCO_PERSON.connections, seen.associations[1], strict=True):
        assert len(found) >= 9
        assert np.allclose(found[:, 1:3], XY[source], atol=1e-3)
        assert np.allclose(found[:, 3:5], XY[target], atol=1e-3)


@pytest.mark.parametrize('options', [{'seed_threshold': 1.0}, {'caf_th': 1.0}, {'cif_th': 1.0}])
def test_thresholds(fields, options):
    """With less confidence: at these thresholds there is nothing left of one kind."""
    for field in fields:
        field[:, 1] *= 0.8
    (plain,), (strict,) = (Inspector([CIF, CAF], o)(fields) for o in (DecoderOptions(), DecoderOptions(**options)))

    def counts(seen):
        return len(seen.seed_fields), sum(map(len, seen.associations[1])), np.count_nonzero(seen.maps[0])

    before, after = counts(plain), counts(strict)
    assert all(before)
    assert after[('seed_threshold', 'caf_th', 'cif_th').index(next(iter(options)))] == 0


def by_row(values):
    return values[np.lexsort(values.T[::-1])]


@pytest.mark.parametrize('name', ['000000000785', '000000252219'])
def test_reference(shared, name):
    with np.load(shared / 'reference/trained' / f'{name}.npz') as reference:
        (seen,) = Inspector([CIF, CAF], DecoderOptions())([reference['cif'], reference['caf']])
        np.testing.assert_allclose(seen.maps[0], reference['cifhr'], atol=1e-5)
        np.testing.assert_allclose(seen.seed_confidences, reference['seeds_vxys'][:, 0], atol=1e-5)
        for connection, found in enumerate(seen.associations[1]):
            expected = reference[f'caf_fwd{connection:02d}'][:, :5]
            np.testing.assert_allclose(by_row(found), by_row(expected), rtol=1e-5, atol=1e-4)

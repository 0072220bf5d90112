import numpy as np
import pytest

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.encoders import encode
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.visualize.view import predicted_view, resolve_indices, target_view

CIF = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON).bound(0, 8)
CAF = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON).bound(1, 8)
DET = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'dog')).bound(2, 8)
METAS = [CIF, CAF, DET]


@pytest.fixture
def truth():
    xy = np.array(COCO_PERSON.upright) * [10.0, -12.0] + [60.0, 125.0]
    keypoints = np.concatenate([xy, np.full((17, 1), 2.0)], 1)[None]
    return GroundTruth(keypoints, np.array([[40.0, 5.0, 40.0, 120.0]]), np.zeros(1, bool), np.ones(1, int))


@pytest.mark.parametrize('meta', [CIF, CAF], ids=['cif', 'caf'])
def test_all_confident_cells_of_a_target_point_to_the_keypoints(meta, truth):
    view = target_view(encode(meta, truth, size=(129, 129)), meta, 5)
    confident = view.confidence == 1.0
    assert confident.sum() >= 9
    keypoints = [5] if meta is CIF else COCO_PERSON.connections[5]
    assert len(view.ends) == len(view.end_names) == len(view.scales) == len(keypoints)
    for end, name, keypoint in zip(view.ends, view.end_names, keypoints, strict=True):
        assert np.allclose(end[confident], truth.keypoints[0, keypoint, :2], atol=1e-3)
        assert name == COCO_PERSON.names[keypoint]


def test_boxes_have_a_size(truth):
    view = target_view(encode(DET, truth, size=(129, 129)), DET, 0)
    confident = view.confidence == 1.0
    assert np.allclose(view.sizes[0][confident], [40.0, 120.0])
    assert np.allclose(view.ends[0][confident], [60.0, 65.0])


def test_predictions_hold_places_in_cells():
    field = np.zeros((17, 5, 4, 4), np.float32)
    field[3, :, 1, 2] = [0.0, 0.7, 2.5, 1.25, 0.5]
    view = predicted_view(field, CIF, 3)
    assert view.ends[0][1, 2].tolist() == [20.0, 10.0]
    assert view.cells[1, 2].tolist() == [16.0, 8.0]
    assert view.scales[0][1, 2] == 4.0
    assert view.confidence[1, 2] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ('text', 'head', 'field', 'plot'),
    [('cif:5', 0, 5, None), ('caf:5', 1, 5, None), ('cif:nose', 0, 0, None), ('caf:18:hr', 1, 18, 'hr')],
)
def test_resolve(text, head, field, plot):
    (index,) = resolve_indices((text,), METAS)
    assert (index.head, index.field, index.plot) == (head, field, plot)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('pif:5', "there is no head 'pif'. Known: cif, caf, cifdet"),
        ('cif:17', "head 'cif' has no field '17'. Give 0 to 16, or a name: nose, "),
        ('cifdet:cat', "head 'cifdet' has no field 'cat'. Give 0 to 1, or a name: person, dog"),
    ],
)
def test_unknown(text, problem):
    with pytest.raises(ValueError, match=problem.replace('.', r'\.')):
        resolve_indices((text,), METAS)

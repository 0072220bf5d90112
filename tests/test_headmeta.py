import json

import pytest

from pifpaf_core.headmeta import Caf, Cif, CifDet, head_meta_from_dict
from pifpaf_core.skeletons.cocokp import COCO_PERSON

CIF = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2)
CAF = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON)
DENSE = Caf(name='caf25', dataset='cocokp', skeleton=COCO_PERSON, dense=True)
BOXES = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'bicycle'))


@pytest.mark.parametrize(
    ('meta', 'prediction', 'target', 'fields'),
    [(CIF, 5, 5, 17), (CAF, 8, 9, 19), (DENSE, 8, 9, 25), (BOXES, 6, 7, 2)],
)
def test_layouts_have_the_components_of_the_fields(meta, prediction, target, fields):
    """FIELDS sections 2 and 5-7."""
    assert meta.prediction.n_components == prediction
    assert meta.target.n_components == target
    assert meta.n_fields == fields


@pytest.mark.parametrize('meta', [CIF, CAF, DENSE, BOXES])
@pytest.mark.parametrize('kind', ['prediction', 'target'])
def test_components_are_disjoint_and_complete(meta, kind):
    layout = getattr(meta, kind)
    used = [layout.confidence, *layout.scales, *layout.bmins, *([] if layout.logs2 is None else [layout.logs2])]
    for i in range(len(layout.vectors)):
        used += range(layout.n_components)[layout.vector(i)]
    assert sorted(used) == list(range(layout.n_components))


def test_binding_makes_a_copy():
    bound = CIF.bound(0, 16)
    assert (bound.index, bound.stride) == (0, 8)
    assert CIF.base_stride is None


@pytest.mark.parametrize('meta', [CIF, CAF.bound(1, 16), DENSE, BOXES])
def test_plain_data_and_back(meta):
    assert head_meta_from_dict(json.loads(json.dumps(meta.to_dict()))) == meta


def test_errors_name_the_head():
    with pytest.raises(ValueError, match="head 'cif' has upsample 0"):
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=0)
    with pytest.raises(ValueError, match='3 training weights for 17 fields'):
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, training_weights=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="unknown head type 'Tcaf'"):
        head_meta_from_dict({'type': 'Tcaf'})


@pytest.mark.parametrize('upsample', [1, 2, 4, 16])
def test_a_grid_can_be_refined_to_whole_pixels(upsample):
    assert Cif(name='cif', dataset='a', skeleton=COCO_PERSON, upsample=upsample).bound(0, 16).stride == 16 // upsample


@pytest.mark.parametrize('upsample', [3, 32])
def test_a_grid_between_pixels_is_refused(upsample):
    """Its stride would be rounded, and every vector of the field scaled wrongly."""
    meta = Cif(name='cif', dataset='a', skeleton=COCO_PERSON, upsample=upsample)
    with pytest.raises(ValueError, match=f'upsample {upsample}, which does not divide the stride 16 of the backbone. '):
        meta.bound(0, 16)

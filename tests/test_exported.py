import json

import pytest

from pifpaf_core.exported import KEY, Exported
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON

EXPORTED = Exported(
    (
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2).bound(0, 16),
        Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON).bound(1, 16),
        CifDet(name='cif.det', dataset='my-boxes', categories=('person', 'dog')).bound(2, 16),
    ),
    basenet='tiny', epoch=3, resample='area', version='1.0',
)  # fmt: skip


def data():
    return json.loads(EXPORTED.to_metadata()[KEY])


def test_it_comes_back():
    assert Exported.from_metadata(EXPORTED.to_metadata()) == EXPORTED


def test_what_others_read_without_us():
    assert EXPORTED.outputs == ('cocokp_cif', 'cocokp_caf', 'my_boxes_cif_det')
    assert (data()['strides'], data()['outputs']) == ([8, 16, 16], list(EXPORTED.outputs))


def test_preprocessing_is_that_of_the_training():
    assert EXPORTED.preprocess.resample == 'area'
    assert EXPORTED.preprocess.plan((640, 428))[2] == (641, 433)


def test_a_model_of_others():
    with pytest.raises(ValueError, match=r'has no .pifpaf. metadata\. Take one that pifpaf export wrote'):
        Exported.from_metadata({'producer': 'somebody'})


@pytest.mark.parametrize(
    'change',
    [
        {'format': 2},
        {'metas': None},
        {'metas': [None]},
        {'metas': [{'type': 'Cif'}]},
        {'metas': [{'type': 'CifDet', 'name': 'a', 'dataset': 'b', 'categories': ['c']}]},
        {'resample': 'cubic'},
        {'epoch': 'last'},
        {'epoch': float('inf')},
    ],
)
def test_damaged_metadata_is_one_line(change):
    with pytest.raises(ValueError, match=r'the metadata of the model cannot be used: .*\. Export it again'):
        Exported.from_metadata({KEY: json.dumps(data() | change)})


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '1', '[' * 100_000])
def test_metadata_that_is_no_object(text):
    with pytest.raises(ValueError, match='cannot be used'):
        Exported.from_metadata({KEY: text})

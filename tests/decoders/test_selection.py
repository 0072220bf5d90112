import sys

import pytest
from scenes import chain_heads, coco_heads

from pifpaf_core.decoders import DecoderOptions, decoders
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons.cocokp import COCO_PERSON

DET = CifDet(name='cifdet', dataset='cocodet', categories=('cat', 'dog')).bound(2, 8)
CROWD = [
    Cif(name='cif', dataset='crowdpose', skeleton=COCO_PERSON).bound(3, 8),
    Caf(name='caf', dataset='crowdpose', skeleton=COCO_PERSON).bound(4, 8),
]
METAS = [*coco_heads(8), DET, *CROWD]


def names(metas, *decoder, **options):
    return [found.name for found in decoders(metas, DecoderOptions(decoder=decoder, **options))]


def test_all_that_the_heads_allow():
    assert names(METAS) == ['cifcaf', 'cifcaf', 'cifdet']
    assert names(METAS[:2]) == ['cifcaf']
    assert names([DET]) == ['cifdet']


def test_by_name_and_number():
    assert names(METAS, 'cifcaf') == ['cifcaf', 'cifcaf']
    assert names(METAS, 'cifdet:0') == ['cifdet']
    (second,) = decoders(METAS, DecoderOptions(decoder=('cifcaf:1',)))
    assert (second.cif, second.caf) == tuple(CROWD)
    assert names(METAS, 'cifdet', 'cifcaf:0') == ['cifdet', 'cifcaf']
    assert names(METAS, 'cifcaf:0', 'cifcaf') == ['cifcaf', 'cifcaf']  # the first one once


@pytest.mark.parametrize('name', ['cifcaf:2', 'cifcaf:x', 'cifcaf:-1', 'trackingpose:0', 'posesimilarity', ''])
def test_unknown_decoders_name_the_known_ones(name):
    with pytest.raises(ValueError, match=r'cifcaf:0, cifcaf:1, cifdet:0') as error:
        names(METAS, name)
    assert f"'{name}'" in str(error.value)


def test_heads_pair_within_their_data_set():
    with pytest.raises(ValueError, match=r'no decoder fits the heads of this network: cocokp\.cif, crowdpose\.caf'):
        names([METAS[0], CROWD[1]])
    with pytest.raises(ValueError, match='none'):
        names([])


def test_dense_head():
    heads = chain_heads()
    (plain,) = decoders(heads, DecoderOptions())
    (dense,) = decoders(heads, DecoderOptions(dense_connections=1.0))
    assert plain.dense is None
    assert dense.dense is heads[2]
    with pytest.raises(ValueError, match='--cocokp-with-dense'):
        decoders(heads[:2], DecoderOptions(dense_connections=1.0))


def test_options_alone_do_not_import_numba():
    import subprocess

    program = 'import sys, pifpaf_core.decoders; print("numba" in sys.modules, "torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ['False', 'False']

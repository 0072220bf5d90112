"""Heads: metas of every data set, and weights of both versions."""

import json

import pytest
import torch
from torch import nn

from pifpaf_core import checkpoint
from pifpaf_core.backbones import build
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.openpifpaf import fields
from pifpaf_core.openpifpaf.stand_ins import StandIn
from pifpaf_core.skeletons.cocokp import COCO_PERSON

NAMES = list(COCO_PERSON.names)
PAIRS = [(a + 1, b + 1) for a, b in COCO_PERSON.connections]
DENSE = [(a + 1, b + 1) for a, b in COCO_PERSON.dense_connections]
POSE = [[x, y, 2.0] for x, y in COCO_PERSON.upright]
COMMON = {'dataset': 'cocokp', 'keypoints': NAMES, 'sigmas': list(COCO_PERSON.sigmas), 'pose': POSE}
CIF = {**COMMON, 'name': 'cif', 'draw_skeleton': PAIRS, 'score_weights': [3.0] * 3 + [1.0] * 14}
CAF = {**COMMON, 'name': 'caf', 'skeleton': PAIRS}
CAF25 = {**COMMON, 'name': 'caf25', 'skeleton': DENSE, 'sparse_skeleton': PAIRS, 'only_in_field_of_view': True}


def _head(kind='CompositeField4', meta='Cif', **attributes):
    inner = type('StandIn', (StandIn,), {'label': f'openpifpaf.headmeta.{meta}'})()
    inner.state = attributes
    head = type('StandIn', (StandIn,), {'label': f'openpifpaf.network.heads.{kind}'})()
    head.state = {'meta': inner}
    return head


def test_heads_share_one_skeleton_with_sparse_and_dense_connections():
    metas = fields.metas([_head(**CIF), _head(**CAF), _head(**CAF25, dense_to_sparse_radius=3.0)], dataset='')
    assert [type(meta) for meta in metas] == [Cif, Caf, Caf]
    assert [meta.skeleton for meta in metas] == [COCO_PERSON] * 3
    assert [meta.n_fields for meta in metas] == [17, 19, 25]
    assert metas[2].dense_to_sparse_radius == 3.0


def test_without_a_dense_head_the_known_skeleton_brings_its_dense_connections():
    assert fields.metas([_head(**CIF), _head(**CAF)], dataset='')[0].skeleton == COCO_PERSON


def test_a_skeleton_of_ones_own_stays_as_it_is():
    own = {'name': 'cif', 'keypoints': ['left_a', 'right_a', 'b'], 'sigmas': [0.1, 0.1, 0.2], 'draw_skeleton': [(1, 3)]}
    meta = fields.metas([_head(**own)], dataset='mine')[0]
    assert meta.dataset == 'mine'
    assert meta.skeleton.connections == ((0, 2),)
    assert meta.skeleton.mirror == (1, 0, 2)
    assert meta.skeleton.upright == ((0.0, 0.0),) * 3


def test_a_known_person_with_other_connections_is_another_skeleton():
    skeleton = fields.metas([_head(**{**CIF, 'draw_skeleton': PAIRS[:5]})], dataset='')[0].skeleton
    assert skeleton != COCO_PERSON
    assert skeleton.connections == COCO_PERSON.connections[:5]
    assert skeleton.mirror == COCO_PERSON.mirror


@pytest.mark.parametrize('dataset', ['cocokp', 'crowdpose', 'animal', 'wholebody', 'cocodet'])
def test_every_data_set_of_the_ancestor(shared, dataset):
    heads = json.loads((shared / 'reference/skeletons.json').read_text())[dataset]
    for head, meta in zip(heads, fields.metas([_head(**head) for head in heads], dataset=dataset), strict=True):
        assert (meta.name, meta.dataset, type(meta).__name__) == (head['name'], dataset, head['head'])
        if isinstance(meta, CifDet):
            assert list(meta.categories) == head['categories']
            continue
        assert list(meta.skeleton.names) == head['keypoints']
        assert list(meta.skeleton.sigmas) == head['sigmas']
        if isinstance(meta, Caf):
            assert [[a + 1, b + 1] for a, b in meta.connections] == head['skeleton']


@pytest.mark.parametrize('known', fields._KNOWN.values(), ids=lambda skeleton: str(len(skeleton.keypoints)))
def test_mirror_pairs_of_known_skeletons_come_from_their_tables(known):
    attributes = {
        'name': 'cif',
        'keypoints': list(known.names),
        'sigmas': list(known.sigmas),
        'pose': [list(xy) for xy in known.upright],
        'draw_skeleton': [(a + 1, b + 1) for a, b in known.connections],
        'score_weights': list(known.score_weights) or None,
    }
    assert fields.metas([_head(**attributes)], dataset='x')[0].skeleton == known


def test_training_weights_travel_and_what_no_decoder_of_ours_reads_is_said_to_be_dropped(caplog):
    meta = fields.metas([_head(**CIF, training_weights=[2.0] * 17, decoder_seed_mask=[0] * 17)], dataset='')[0]
    assert meta.training_weights == (2.0,) * 17
    assert [record.getMessage() for record in caplog.records] == [
        "head 'cif' has a decoder seed mask, which is dropped"
    ]


@pytest.mark.parametrize(
    ('head', 'message'),
    [
        (_head(meta='Tcaf', **CAF), 'it has a head CompositeField4, which is not supported'),
        (_head('TcafHead', **CAF), 'it has a head TcafHead, which is not supported'),
        (_head(name='depth', dataset='x'), "head 'depth' has neither keypoints nor categories"),
    ],
)
def test_other_heads_are_refused(head, message):
    with pytest.raises(ValueError, match=message):
        fields.metas([head], dataset='cocokp')


@pytest.mark.parametrize(
    ('meta', 'theirs', 'ours'),
    [  # raw components of CompositeField3, and which of them ours are: the first width, then all but the widths
        (('Cif', CIF), 'c x y b s', 'b c x y s'),
        (('Caf', CAF), 'c x1 y1 x2 y2 b1 b2 s1 s2', 'b1 c x1 y1 x2 y2 s1 s2'),
        (('CifDet', {'name': 'cifdet', 'categories': ['a', 'b', 'c']}), 'c x y w h b1 b2', 'b1 c x y w h'),
    ],
    ids=['cif', 'caf', 'cifdet'],
)
def test_the_older_head_predicts_the_same(pickled, meta, theirs, ours):
    kind, attributes = meta
    n_fields = len(attributes.get('skeleton') or attributes.get('keypoints') or attributes['categories'])
    theirs, ours = theirs.split(), ours.split()
    conv = nn.Conv2d(64, n_fields * len(theirs) * 4, 1)
    path = pickled(build('tiny'), [('CompositeField3', conv, (kind, {**attributes, 'upsample_stride': 2}))])
    head = checkpoint.load(path).network.heads[0]
    features = torch.randn(1, 64, 3, 4)
    with torch.inference_mode():
        shuffled = nn.functional.pixel_shuffle(conv(features), 2)[..., :-1, :-1]
        raw = shuffled.reshape(1, n_fields, len(theirs), 5, 7)
        torch.testing.assert_close(head(features), raw[:, :, [theirs.index(name) for name in ours]])


@pytest.mark.parametrize(
    ('kind', 'channels', 'message'),
    [
        ('CompositeField4', 13, r"conv.weight of head 'cifdet' has shape \[13, 64, 1, 1\], and 12 rows are needed"),
        ('CompositeField', 12, "head 'cifdet' is a CompositeField, which is not supported"),
    ],
)
def test_weights_that_do_not_fit(pickled, kind, channels, message):
    meta = ('CifDet', {'name': 'cifdet', 'categories': ['a', 'b']})
    with pytest.raises(ValueError, match=message):
        checkpoint.load(pickled(build('tiny'), [(kind, nn.Conv2d(64, channels, 1), meta)]))

import logging

import numpy as np
import pytest
import torch

from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.network import Network, NetworkOptions, consolidated, create
from pifpaf_core.skeletons.cocokp import COCO_PERSON

CIF = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2)
CAF = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON, upsample=2)
BOXES = CifDet(name='cifdet', dataset='cocodet', categories=('person', 'bicycle', 'car'))


@pytest.fixture
def network():
    return create('tiny', [CIF, CAF]).eval()


def test_it_is_openpifpafs_network(shared):
    """The whole network with weights of its own, number by number."""
    weights = torch.load(shared / 'reference/shufflenetv2k16_seed42_state_dict.pt', weights_only=True)['state_dict']
    expected = np.load(shared / 'reference/network_io.npz')
    network = create('shufflenetv2k16', [CIF, CAF]).eval()
    network.load_state_dict(weights)
    images = torch.from_numpy(expected['x'])
    with torch.inference_mode():
        base, raw, fields = network.base_net(images), network(images), network.predict(images)
    names = ('base', 'cif_raw', 'caf_raw', 'cif_eval', 'caf_eval')
    for name, tensor in zip(names, (base, *raw, *fields), strict=True):
        np.testing.assert_allclose(tensor.numpy(), expected[name], rtol=0, atol=1e-5)
    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    np.testing.assert_allclose([layer.eps for layer in norms], expected['bn_eps'])
    np.testing.assert_allclose([layer.momentum for layer in norms], expected['bn_momentum'])


def test_metas_are_bound_copies(network):
    assert [(meta.index, meta.base_stride, meta.stride) for meta in network.metas] == [(0, 16, 8), (1, 16, 8)]
    assert CIF.index is None
    assert network.stride == 16


def test_state_names(network):
    names = {name.partition('.')[0] for name in network.state_dict()}
    assert names == {'base_net', 'head_nets'}
    assert {'head_nets.0.conv.weight', 'head_nets.1.conv.bias'} <= set(network.state_dict())


def test_raw_and_inference_layout(network):
    images = torch.randn(2, 3, 49, 65)
    with torch.inference_mode():
        raw, fields = network(images), network.predict(images)
    assert [field.shape for field in raw] == [(2, 17, 5, 7, 9), (2, 19, 8, 7, 9)] == [field.shape for field in fields]
    torch.testing.assert_close(fields[0][:, :, 1], torch.sigmoid(raw[0][:, :, 1]))


def test_normalization_is_that_of_imagenet(network):
    images = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    expected = [(0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    torch.testing.assert_close(network.normalize(images).flatten(), torch.tensor(expected))


def test_dropout_reaches_the_heads():
    assert [head.dropout.p for head in create('tiny', [CIF, CAF], dropout=0.25).heads] == [0.25, 0.25]


def test_a_dropout_that_is_no_probability():
    with pytest.raises(ValueError, match=r'--cf4-dropout=1\.0 is no probability'):
        NetworkOptions(cf4_dropout=1.0)


class TestConsolidated:
    def test_filter_and_extend_keeps_what_is_asked_for_in_that_order_and_adds_the_rest(self, network):
        result = consolidated(network, [BOXES, CAF])
        assert [meta.name for meta in result.metas] == ['cifdet', 'caf']
        assert [meta.index for meta in result.metas] == [0, 1]
        assert result.heads[1].conv is network.heads[1].conv
        assert result.base_net is network.base_net

    def test_keep_takes_the_checkpoints_heads(self, network):
        result = consolidated(network, [BOXES], strategy='keep')
        assert [head.conv for head in result.heads] == [head.conv for head in network.heads]

    def test_create_makes_new_ones(self, network):
        result = consolidated(network, [CIF], strategy='create')
        assert len(result.heads) == 1
        assert not torch.equal(result.heads[0].conv.weight, network.heads[0].conv.weight)

    def test_the_checkpoints_meta_wins_and_one_line_says_so(self, network, caplog):
        weights = tuple(float(i) for i in range(17))
        asked = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=1, training_weights=weights)
        with caplog.at_level(logging.WARNING):
            meta = consolidated(network, [asked]).metas[0]
        assert meta.upsample == 2
        assert meta.training_weights == weights
        assert [r.getMessage() for r in caplog.records] == [
            'head cocokp.cif keeps upsample 2 of the checkpoint; --cocokp-upsample=1 is ignored'
        ]

    def test_a_head_of_another_data_set_is_another_head(self, network):
        other = Cif(name='cif', dataset='crowdpose', skeleton=COCO_PERSON)
        assert consolidated(network, [other]).heads[0].conv is not network.heads[0].conv

    def test_dropout_is_the_new_one(self, network):
        assert consolidated(network, [CIF], dropout=0.5).heads[0].dropout.p == 0.5


def test_the_backbone_is_shared_not_copied(network):
    assert Network(network.base_net, [CIF]).base_net is network.base_net

"""Whole checkpoints, from pickle to network."""

import copy
import json

import pytest
import torch
from torch import nn

from pifpaf_core import backbones, checkpoint, openpifpaf
from pifpaf_core.skeletons.cocokp import COCO_PERSON


def _randomized(backbone):
    """Statistics and gains as after training."""
    for name, tensor in backbone.state_dict().items():
        if name.endswith('running_var'):
            tensor.uniform_(0.01, 2.0)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.normal_()
    return backbone.eval()


def test_the_ancestors_own_checkpoint(shared):
    path = shared / 'reference/openpifpaf_0.13.11_checkpoint_k16_upsample2.pkl'
    names = json.loads((shared / 'reference/info.json').read_text())['state_dict']
    loaded = checkpoint.load(path)
    assert (loaded.basenet, loaded.epoch) == ('shufflenetv2k16', 1)
    assert [(m.dataset, m.name, m.upsample, m.stride) for m in loaded.network.metas] == [
        ('cocokp', 'cif', 2, 8), ('cocokp', 'caf', 2, 8),
    ]  # fmt: skip
    assert all(meta.skeleton == COCO_PERSON for meta in loaded.network.metas)
    assert {name: list(tensor.shape) for name, tensor in loaded.network.state_dict().items()} == names
    assert loaded.metadata['training'] == {'resample': 'linear'}
    assert loaded.metadata['imported']['version'] == '0.13.11'
    assert loaded.metadata['imported']['args']['b_scale'] == 10.0
    json.dumps(loaded.metadata)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('mobilenetv3small', {}),
        ('squeezenet', {}),
        ('shufflenetv2x1', {}),
        ('resnet18', {'resnet': {'pool0_stride': 2, 'input_conv_stride': 1}}),
        ('resnet18', {'resnet': {'input_conv2_stride': 2, 'block5_dilation': 2}}),
        ('resnet18', {'resnet': {'remove_last_block': True}}),
        ('shufflenetv2k16', {'shufflenetv2k': {'input_conv2_stride': 2, 'input_conv2_outchannels': 32}}),
        ('shufflenetv2k16', {'shufflenetv2k': {'stage4_dilation': 2, 'kernel': 3, 'leaky_relu': True}}),
        ('shufflenetv2k16', {'shufflenetv2k': {'conv5_as_stage': True, 'group_norm': True}}),
        ('shufflenetv2k16', {'shufflenetv2k': {'instance_norm': True}}),
    ],
)
def test_a_network_is_found_again_from_its_layers_alone(pickled, box_head, name, options):
    backbone = _randomized(backbones.build(name, options, pretrain=False))
    images = torch.randn(1, 3, 33, 49)
    with torch.inference_mode():
        expected = backbone(images)
    loaded = checkpoint.load(pickled(copy.deepcopy(backbone), [box_head(backbone.out_features)], name=name))
    assert (loaded.basenet, loaded.epoch) == (name, 7)
    assert loaded.network.stride == backbone.stride
    with torch.inference_mode():
        torch.testing.assert_close(loaded.network.base_net(images), expected, rtol=0, atol=0)


@pytest.mark.nightly
@pytest.mark.parametrize('name', backbones.all_names())
def test_every_backbone_is_found_again(pickled, box_head, name):
    test_a_network_is_found_again_from_its_layers_alone(pickled, box_head, name, {})


def _tiny():
    return _randomized(backbones.build('tiny'))


def test_a_layer_that_differs_without_a_trace_in_the_weights_is_refused(pickled, box_head):
    backbone = _tiny()
    backbone.wide[1][0].dilation = (1, 1)
    with pytest.raises(ValueError, match=r'layer wide\.1\.0 has dilation 1 where ours has 2'):
        openpifpaf.read(pickled(backbone, [box_head(64)]))


def test_weights_of_another_shape_are_refused(pickled, box_head):
    backbone = _tiny()
    backbone.down[0][0] = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
    with pytest.raises(ValueError, match=r'do not fit: down.0.0.weight has shape \[8, 3, 3, 3\]'):
        openpifpaf.read(pickled(backbone, [box_head(64)]))


def test_other_names_of_the_same_layers_are_taken_in_order(pickled, box_head):
    backbone = _tiny()
    expected = backbone.state_dict()['down.0.0.weight'].clone()
    backbone._modules = {{'down': 'conv1', 'wide': 'stage2'}[name]: part for name, part in backbone._modules.items()}
    tensors, _ = openpifpaf.read(pickled(backbone, [box_head(64)]))
    assert torch.equal(tensors['base_net.down.0.0.weight'], expected)


def test_another_eps_gives_the_same_features(pickled, box_head):
    """Older trainings used 1e-4, ours is 1e-3: the gains make up for it."""
    backbone = _tiny()
    for layer in backbone.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-5
            layer.running_var[:3] = 0.01
    images = torch.randn(1, 3, 33, 49)
    with torch.inference_mode():
        expected = backbone(images)
    loaded = checkpoint.load(pickled(copy.deepcopy(backbone), [box_head(64)]))
    assert {layer.eps for layer in loaded.network.modules() if isinstance(layer, nn.BatchNorm2d)} == {1e-3}
    with torch.inference_mode():
        features = loaded.network.base_net(images)
    assert (features - expected).abs().max() < 1e-4 * expected.abs().max()


def test_a_network_that_was_trained_on_several_devices(pickled, box_head):
    path = pickled(_tiny(), [box_head(64)], wrap=nn.DataParallel)
    assert checkpoint.load(path).basenet == 'tiny'


@pytest.mark.parametrize(
    ('name', 'args', 'message'),
    [
        ('alexnet', None, "there is no backbone 'alexnet'"),
        (None, {'basenet': None}, "there is no backbone 'None'"),
    ],
)
def test_an_unknown_backbone(pickled, box_head, name, args, message):
    with pytest.raises(ValueError, match=message):
        openpifpaf.read(pickled(_tiny(), [box_head(64)], name=name, args=args))


def test_the_arguments_name_the_backbone_if_it_does_not(pickled, box_head):
    path = pickled(_tiny(), [box_head(64)], name=None, args={'basenet': 'tiny'})
    assert openpifpaf.read(path)[1]['basenet'] == 'tiny'


@pytest.mark.parametrize('content', [{'model': 3, 'epoch': 1}, {'state_dict': {}}, [1, 2]])
def test_other_content(tmp_path, content):
    torch.save(content, tmp_path / 'x.pkl')
    with pytest.raises(
        ValueError, match=r'x.pkl cannot be imported: it holds no network of OpenPifPaf\. Take another file'
    ):
        openpifpaf.read(tmp_path / 'x.pkl')


def test_a_network_that_contains_itself(pickled, box_head):
    backbone = _tiny()
    path = pickled(backbone, [box_head(64)], wrap=_with_itself)
    with pytest.raises(ValueError, match='nested too deeply'):
        openpifpaf.read(path)


def _with_itself(shell):
    shell.base_net._modules['again'] = shell.base_net
    return shell

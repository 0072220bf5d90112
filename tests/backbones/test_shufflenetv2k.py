import pytest
import torch
from torch import nn

from pifpaf_core import backbones
from pifpaf_core.backbones.shufflenetv2k import ShuffleNetV2K, ShuffleNetV2KOptions


def _build(**options):
    return backbones.build('shufflenetv2k16', {'shufflenetv2k': ShuffleNetV2KOptions(**options)})


def _layers(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ('options', 'stride'),
    [({}, 16), ({'input_conv2_stride': 2}, 32), ({'input_conv2_stride': 1}, 32), ({'stage4_dilation': 2}, 8)],
)
def test_total_stride(options, stride):
    """The second convolution is a switch: its stride is 2 whatever the value."""
    assert _build(**options).stride == stride


def test_a_second_input_convolution():
    network = _build(input_conv2_stride=2, input_conv2_outchannels=32)
    assert network.state_dict()['input_block.1.0.weight'].shape == (32, 24, 3, 3)
    assert network.state_dict()['stage2.0.branch1.0.weight'].shape[0] == 32


def test_dilated_stage4_keeps_its_resolution():
    first = _build(stage4_dilation=3).stage4[0].branch1[0]
    assert (first.stride, first.dilation, first.padding) == ((1, 1), (3, 3), (6, 6))


def test_kernel():
    depthwise = [conv for conv in _layers(_build(kernel=7), nn.Conv2d) if conv.groups > 1]
    assert {conv.kernel_size for conv in depthwise} == {(7, 7)}
    assert {conv.padding for conv in depthwise} == {(3, 3)}


def test_conv5_as_stage_is_two_units():
    network = _build(conv5_as_stage=True)
    assert len(network.conv5) == 2
    assert network.stride == 16
    assert not hasattr(network.conv5[0], 'branch1')
    wider = ShuffleNetV2K((1, 1, 1), (24, 32, 64, 128, 256), ShuffleNetV2KOptions(conv5_as_stage=True))
    assert hasattr(wider.conv5[0], 'branch1')
    assert wider.out_features == 256


def test_group_norm_has_groups_that_divide():
    groups = {layer.num_channels: layer.num_groups for layer in _layers(_build(group_norm=True), nn.GroupNorm)}
    assert groups == {24: 4, 174: 29, 348: 29, 696: 29, 1392: 29}
    assert {
        layer.num_groups
        for layer in _layers(
            ShuffleNetV2K((1, 1, 1), (32, 64, 128, 256, 256), ShuffleNetV2KOptions(group_norm=True)), nn.GroupNorm
        )
        if layer.num_channels > 100
    } == {32}


def test_instance_norm_is_affine_and_tracked():
    network = _build(instance_norm=True)
    layers = _layers(network, nn.InstanceNorm2d)
    assert layers and all(layer.affine and layer.track_running_stats for layer in layers)
    assert not _layers(network, nn.BatchNorm2d)


def test_leaky_relu():
    network = _build(leaky_relu=True)
    assert {layer.negative_slope for layer in _layers(network, nn.LeakyReLU)} == {0.01}
    assert not _layers(network, nn.ReLU)


def test_channels_of_both_halves_alternate():
    unit = ShuffleNetV2K((1, 2, 1), (4, 8, 16, 32, 32)).stage3[1].eval()
    features = torch.randn(1, 16, 5, 5)
    with torch.inference_mode():
        assert torch.equal(unit(features)[:, ::2], features[:, :8])


def test_the_memory_format_is_kept_and_changes_no_number():
    network = ShuffleNetV2K((2, 1, 1), (4, 8, 16, 32, 32)).eval()
    formats = {}
    network.stage2.register_forward_hook(lambda *args: formats.update(stage2=args[2]))
    images = torch.randn(2, 3, 65, 65)
    with torch.inference_mode():
        plain = network(images)
        assert formats['stage2'].is_contiguous()
        last = network.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))
    assert formats['stage2'].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, plain)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'kernel': 4}, 'odd number'),
        ({'stage4_dilation': 0}, '1 or more'),
        ({'instance_norm': True, 'group_norm': True}, 'one of them'),
        ({'input_conv2_outchannels': 32}, 'needs --shufflenetv2k-input-conv2-stride'),
    ],
)
def test_options_that_cannot_be_built(options, message):
    with pytest.raises(ValueError, match=message):
        ShuffleNetV2KOptions(**options)

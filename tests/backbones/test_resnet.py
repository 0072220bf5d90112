import pytest
import torch
from torch import nn

from pifpaf_core import backbones
from pifpaf_core.backbones.resnet import ResNetOptions


def _build(name='resnet18', **options):
    return backbones.build(name, {'resnet': ResNetOptions(pretrain=False, **options)})


@pytest.mark.parametrize(
    ('options', 'stride', 'features'),
    [
        ({}, 16, 512),
        ({'pool0_stride': 1}, 16, 512),
        ({'pool0_stride': 2}, 32, 512),
        ({'input_conv_stride': 1}, 8, 512),
        ({'input_conv2_stride': 2}, 32, 512),
        ({'block5_dilation': 2}, 8, 512),
        ({'input_conv2_stride': 2, 'block5_dilation': 2}, 16, 512),
        ({'remove_last_block': True}, 8, 256),
    ],
)
def test_stride_is_measured(options, stride, features):
    """OpenPifPaf reports 64 for pool0-stride 1 and 32 for input-conv-stride 1, and cannot remove the last block."""
    network = _build(**options)
    assert (network.stride, network.out_features) == (stride, features)


def test_pool_and_second_convolution_follow_the_first():
    assert [type(layer) for layer in _build(pool0_stride=2, input_conv2_stride=2).input_block] == [
        nn.Conv2d,
        nn.BatchNorm2d,
        nn.ReLU,
        nn.MaxPool2d,
        nn.Conv2d,
        nn.BatchNorm2d,
        nn.ReLU,
    ]


def test_block5_dilates_its_3x3_convolutions():
    convs = [layer for layer in _build('resnet50', block5_dilation=2).block5.modules() if isinstance(layer, nn.Conv2d)]
    assert {conv.stride for conv in convs} == {(1, 1)}
    assert {(conv.kernel_size, conv.dilation) for conv in convs} == {((3, 3), (2, 2)), ((1, 1), (1, 1))}


def test_without_the_last_block_it_runs():
    assert _build(remove_last_block=True)(torch.zeros(2, 3, 33, 33)).shape == (2, 256, 5, 5)


@pytest.mark.parametrize('options', [{'pool0_stride': -1}, {'input_conv_stride': 0}, {'block5_dilation': 0}])
def test_options_that_cannot_be_built(options):
    with pytest.raises(ValueError, match='Give 1 or more'):
        ResNetOptions(**options)

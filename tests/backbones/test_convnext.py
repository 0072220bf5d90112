import pytest
import torch
from torch import nn

from pifpaf_core import backbones
from pifpaf_core.backbones.convnext import ConvNeXtOptions, aligned


@pytest.mark.parametrize('width', [2, 4])
def test_an_aligned_convolution_is_the_mean_of_the_patches_around_a_pixel(width):
    patches = nn.Conv2d(3, 5, width, stride=width)
    image = torch.randn(1, 3, 4 * width + 1, 4 * width + 1)
    with torch.inference_mode():
        moved = aligned(patches)(image)
        everywhere = nn.functional.conv2d(image, patches.weight, patches.bias)  # the patch from every pixel on
        around = nn.functional.avg_pool2d(everywhere, 2, stride=1)[..., width // 2 :: width, width // 2 :: width]
    assert moved.shape == (1, 5, 5, 5)
    torch.testing.assert_close(moved[..., 1:4, 1:4], around)


@pytest.mark.parametrize(('stride', 'dilation'), [(16, (2, 2)), (32, (1, 1))])
def test_stride_and_dilation_of_the_last_stage(stride, dilation):
    options = ConvNeXtOptions(pretrain=False, stride=stride)
    backbone = backbones.build('convnexttiny', {'convnext': options})
    depthwise = [layer for layer in backbone.stages[-1].modules() if isinstance(layer, nn.Conv2d)]
    assert (backbone.stride, backbone.out_features) == (stride, 768)
    assert {layer.dilation for layer in depthwise} == {dilation}


def test_a_stride_that_cannot_be_built():
    with pytest.raises(ValueError, match='Give 16 or 32'):
        ConvNeXtOptions(stride=8)

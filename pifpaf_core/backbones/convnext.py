"""ConvNeXt (Liu et al., 2022) of torchvision, moved onto the grid of composite fields."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..options import option
from .contract import Backbone
from .pretrained import torchvision_network


@dataclass(frozen=True)
class ConvNeXtOptions:
    """ConvNeXt backbones."""

    pretrain: bool = option(True, 'start from random weights in place of ImageNet ones')
    stride: int = option(16, 'pixels from cell to cell: 32 as published, or 16 with a dilated last stage')

    def __post_init__(self) -> None:
        if self.stride not in (16, 32):
            raise ValueError(f'--convnext-stride={self.stride} cannot be built. Give 16 or 32')


class ConvNeXt(Backbone):
    """torchvision's ConvNeXt with its final norm. Total stride 16, or 32 by option.

    It was made of patches: kernels as wide as their stride, without padding, so that a cell lies *between* pixels.
    `aligned` moves each such convolution by half a pixel, which keeps what the ImageNet weights compute.
    """

    TABLE: ClassVar[dict[str, str]] = {
        'convnexttiny': 'convnext_tiny',
        'convnextsmall': 'convnext_small',
        'convnextbase': 'convnext_base',
    }
    names: ClassVar[tuple[str, ...]] = tuple(TABLE)
    Options: ClassVar[type] = ConvNeXtOptions

    def __init__(self, trunk: Any, options: ConvNeXtOptions) -> None:
        super().__init__()
        self.stages = trunk.features
        self.norm = trunk.classifier[0]
        for stage in self.stages:
            for name, layer in list(stage.named_children()):
                if isinstance(layer, nn.Conv2d):
                    setattr(stage, name, aligned(layer))
        if options.stride == 16:
            _dilate_last(self.stages)

    @classmethod
    def build(cls, name: str, options: ConvNeXtOptions) -> 'ConvNeXt':
        """Build from torchvision's network."""
        trunk = torchvision_network(cls.TABLE[name], pretrain=options.pretrain, flag='--convnext-no-pretrain')
        return cls(trunk, options)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> features [B, out_features, h, w]."""
        features: Tensor = self.norm(self.stages(images))
        return features


def aligned(patches: nn.Conv2d) -> nn.Conv2d:
    """A convolution whose cell (0, 0) lies on pixel (0, 0), from one that cuts its input into patches.

    The response of a kernel of even width k lies between two pixels. Averaged over the two positions around a pixel it
    lies on the pixel, and that average is one kernel of width k + 1. With padding k / 2, n pixels give
    ``(n - 1) // stride + 1`` cells.

    Args:
        patches: even kernel, no padding.
    """
    width = patches.kernel_size[0]
    assert patches.kernel_size == (width, width) and width % 2 == 0 and patches.padding == (0, 0), patches
    moved = nn.Conv2d(
        patches.in_channels,
        patches.out_channels,
        width + 1,
        patches.stride,  # type: ignore[arg-type]
        padding=width // 2,
        device=patches.weight.device,
        dtype=patches.weight.dtype,
    )
    assert patches.bias is not None and moved.bias is not None
    with torch.no_grad():
        moved.weight.copy_(functional.avg_pool2d(functional.pad(patches.weight, (1, 1, 1, 1)), 2, stride=1))
        moved.bias.copy_(patches.bias)
    return moved


def _dilate_last(stages: nn.Sequential) -> None:
    """Keep the resolution in the last stage; its depthwise kernels then see as far as before."""
    *_, downsampling, last = stages
    for layer in downsampling.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)
    for layer in last.modules():
        if isinstance(layer, nn.Conv2d):
            layer.dilation = (2, 2)
            layer.padding = (layer.kernel_size[0] - 1, layer.kernel_size[1] - 1)

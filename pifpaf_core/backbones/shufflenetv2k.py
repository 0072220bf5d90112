"""ShuffleNetV2K: ShuffleNetV2 (Ma et al., 2018) without max pool and with 5x5 depthwise kernels (FIELDS section 3)."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..options import option
from .contract import Backbone


@dataclass(frozen=True)
class ShuffleNetV2KOptions:
    """ShuffleNetV2K backbones."""

    input_conv2_stride: int = option(0, 'any value but 0 adds a second input convolution of stride 2')
    input_conv2_outchannels: int | None = option(None, 'output channels of that convolution (default: as the first)')
    stage4_dilation: int = option(1, 'dilation of stage 4; other than 1 the stage keeps its resolution')
    kernel: int = option(5, 'width of the depthwise kernels, odd')
    conv5_as_stage: bool = option(False, 'two units in place of the last 1x1 convolution')
    instance_norm: bool = option(False, 'instance normalization in place of batch normalization')
    group_norm: bool = option(False, 'group normalization in place of batch normalization')
    leaky_relu: bool = option(False, 'leaky ReLU of slope 0.01 in place of ReLU')

    def __post_init__(self) -> None:
        if self.input_conv2_outchannels and not self.input_conv2_stride:
            raise ValueError(
                '--shufflenetv2k-input-conv2-outchannels needs --shufflenetv2k-input-conv2-stride=2. Add it'
            )
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f'--shufflenetv2k-kernel={self.kernel} has no centre cell. Give an odd number, e.g. 5')
        if self.stage4_dilation < 1:
            raise ValueError(f'--shufflenetv2k-stage4-dilation={self.stage4_dilation} is no dilation. Give 1 or more')
        if self.instance_norm and self.group_norm:
            raise ValueError('--shufflenetv2k-instance-norm excludes --shufflenetv2k-group-norm. Give one of them')


@dataclass(frozen=True)
class _Layers:
    """What the units are made of."""

    kernel: int
    norm: Callable[[int], nn.Module]
    leaky: bool

    @classmethod
    def of(cls, options: ShuffleNetV2KOptions) -> '_Layers':
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d
        if options.instance_norm:
            norm = _instance_norm
        elif options.group_norm:
            norm = _group_norm
        return cls(options.kernel, norm, options.leaky_relu)

    def pointwise(self, inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 1, bias=False), self.norm(outputs), self.activation()]

    def depthwise(self, channels: int, stride: int, dilation: int) -> list[nn.Module]:
        padding = (self.kernel - 1) // 2 * dilation
        return [
            nn.Conv2d(channels, channels, self.kernel, stride, padding, dilation, groups=channels, bias=False),
            self.norm(channels),
        ]

    def input(self, inputs: int, outputs: int) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        return nn.Sequential(conv, self.norm(outputs), self.activation())

    def activation(self) -> nn.Module:
        return nn.LeakyReLU(0.01, inplace=True) if self.leaky else nn.ReLU(inplace=True)


class ShuffleNetV2K(Backbone):
    """A ShuffleNetV2 for dense prediction: total stride 16, or as the options make it."""

    # repeats of stages 2, 3, 4; channels of the input convolution, of these stages, of the last convolution
    TABLE: ClassVar[dict[str, tuple[tuple[int, int, int], tuple[int, int, int, int, int]]]] = {
        'shufflenetv2k16': ((4, 8, 4), (24, 348, 696, 1392, 1392)),
        'shufflenetv2k20': ((5, 10, 5), (32, 512, 1024, 2048, 2048)),
        'shufflenetv2kx5': ((6, 13, 6), (42, 640, 1280, 2560, 2560)),
        'shufflenetv2k30': ((8, 16, 6), (32, 512, 1024, 2048, 2048)),
        'shufflenetv2k44': ((12, 24, 8), (32, 512, 1024, 2048, 2048)),
    }
    names: ClassVar[tuple[str, ...]] = tuple(TABLE)
    Options: ClassVar[type] = ShuffleNetV2KOptions

    def __init__(
        self,
        repeats: tuple[int, int, int],
        channels: tuple[int, int, int, int, int],
        options: ShuffleNetV2KOptions = ShuffleNetV2KOptions(),
    ) -> None:
        super().__init__()
        layers = _Layers.of(options)
        widths = [3, channels[0]]
        if options.input_conv2_stride:
            widths.append(options.input_conv2_outchannels or channels[0])
        self.input_block = nn.Sequential(*(layers.input(a, b) for a, b in itertools.pairwise(widths)))
        self.stage2 = _stage(widths[-1], channels[1], repeats[0], layers)
        self.stage3 = _stage(channels[1], channels[2], repeats[1], layers)
        dilation = options.stage4_dilation
        stride = 2 if dilation == 1 else 1
        self.stage4 = _stage(channels[2], channels[3], repeats[2], layers, stride=stride, dilation=dilation)
        self.conv5 = (
            _stage(channels[3], channels[4], 2, layers, stride=1)
            if options.conv5_as_stage
            else nn.Sequential(*layers.pointwise(channels[3], channels[4]))
        )

    @classmethod
    def build(cls, name: str, options: ShuffleNetV2KOptions) -> 'ShuffleNetV2K':
        """Build with PyTorch's default initialization; there are no ImageNet weights."""
        return cls(*cls.TABLE[name], options)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> features [B, out_features, h, w]."""
        features: Tensor = self.conv5(self.stage4(self.stage3(self.stage2(self.input_block(images)))))
        return features


class _Unit(nn.Module):
    """A ShuffleNetV2 unit: two branches of half the channels each, concatenated and shuffled.

    A unit that keeps resolution and channels passes the first half through; otherwise both branches see everything.
    """

    def __init__(self, inputs: int, outputs: int, layers: _Layers, *, stride: int, dilation: int) -> None:
        super().__init__()
        half = outputs // 2
        self.splits = stride == 1 and inputs == outputs
        if not self.splits:
            self.branch1 = nn.Sequential(*layers.depthwise(inputs, stride, dilation), *layers.pointwise(inputs, half))
        self.branch2 = nn.Sequential(
            *layers.pointwise(half if self.splits else inputs, half),
            *layers.depthwise(half, stride, dilation),
            *layers.pointwise(half, half),
        )

    def forward(self, features: Tensor) -> Tensor:
        if self.splits:
            first, second = features.chunk(2, dim=1)
            return _shuffled(first, self.branch2(second))
        return _shuffled(self.branch1(features), self.branch2(features))


def _shuffled(first: Tensor, second: Tensor) -> Tensor:
    """The channels of both [B, C, H, W] in turns -> [B, 2C, H, W], in the memory format of the second."""
    if second.is_contiguous(memory_format=torch.channels_last):
        turns = torch.stack((first.permute(0, 2, 3, 1), second.permute(0, 2, 3, 1)), dim=4)
        return turns.flatten(3).permute(0, 3, 1, 2)
    return torch.stack((first, second), dim=2).flatten(1, 2)


def _stage(
    inputs: int, outputs: int, repeats: int, layers: _Layers, *, stride: int = 2, dilation: int = 1
) -> nn.Sequential:
    first = _Unit(inputs, outputs, layers, stride=stride, dilation=dilation)
    rest = (_Unit(outputs, outputs, layers, stride=1, dilation=dilation) for _ in range(repeats - 1))
    return nn.Sequential(first, *rest)


def _group_norm(channels: int) -> nn.Module:
    if channels <= 100:
        return nn.GroupNorm(4, channels)
    return nn.GroupNorm(32 if channels % 32 == 0 else 29, channels)


def _instance_norm(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)

"""ResNet (He et al., 2015) and ResNeXt (Xie et al., 2016) without max pool (FIELDS section 3)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from ..options import option
from .contract import Backbone
from .pretrained import torchvision_network


@dataclass(frozen=True)
class ResNetOptions:
    """ResNet and ResNeXt backbones."""

    pretrain: bool = option(True, 'start from random weights in place of ImageNet ones')
    pool0_stride: int = option(0, 'stride of a max pool after the input convolution, 0 for none')
    input_conv_stride: int = option(2, 'stride of the input convolution')
    input_conv2_stride: int = option(0, 'any value but 0 adds a second input convolution of stride 2')
    block5_dilation: int = option(1, 'dilation of the last block; other than 1 the block keeps its resolution')
    remove_last_block: bool = option(False, 'leave out the last block')

    def __post_init__(self) -> None:
        if self.pool0_stride < 0 or self.input_conv_stride < 1 or self.block5_dilation < 1:
            raise ValueError('a stride or dilation of the --resnet options is too small. Give 1 or more')


class ResNet(Backbone):
    """A torchvision ResNet: ``input_block``, then ``block2`` to ``block5``. Total stride 16 without options."""

    TABLE: ClassVar[dict[str, str]] = {
        'resnet18': 'resnet18',
        'resnet50': 'resnet50',
        'resnet101': 'resnet101',
        'resnet152': 'resnet152',
        'resnext50': 'resnext50_32x4d',
        'resnext101': 'resnext101_32x8d',
    }
    names: ClassVar[tuple[str, ...]] = tuple(TABLE)
    Options: ClassVar[type] = ResNetOptions

    def __init__(self, trunk: Any, options: ResNetOptions) -> None:
        super().__init__()
        self.input_block = _input_block(trunk, options)
        self.block2 = trunk.layer1
        self.block3 = trunk.layer2
        self.block4 = trunk.layer3
        self.block5 = None if options.remove_last_block else trunk.layer4
        if self.block5 is not None and options.block5_dilation != 1:
            _dilate(self.block5, options.block5_dilation)

    @classmethod
    def build(cls, name: str, options: ResNetOptions) -> 'ResNet':
        """Build from torchvision's network."""
        trunk = torchvision_network(cls.TABLE[name], pretrain=options.pretrain, flag='--resnet-no-pretrain')
        return cls(trunk, options)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> features [B, out_features, h, w]."""
        features: Tensor = self.block4(self.block3(self.block2(self.input_block(images))))
        return features if self.block5 is None else self.block5(features)


def _input_block(trunk: Any, options: ResNetOptions) -> nn.Sequential:
    conv = trunk.conv1
    conv.stride = (options.input_conv_stride, options.input_conv_stride)
    layers = [conv, trunk.bn1, trunk.relu]
    if options.pool0_stride:
        layers.append(nn.MaxPool2d(3, options.pool0_stride, padding=1))
    if options.input_conv2_stride:
        channels = conv.out_channels
        second = nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False)
        layers += [second, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _dilate(block: nn.Module, dilation: int) -> None:
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)
            if layer.kernel_size == (3, 3):
                layer.dilation = layer.padding = (dilation, dilation)

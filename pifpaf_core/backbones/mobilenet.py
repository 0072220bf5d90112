"""MobileNetV2 (Sandler et al., 2018) and MobileNetV3 (Howard et al., 2019) of torchvision (FIELDS section 3)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from ..options import option
from .contract import Backbone
from .pretrained import torchvision_network


@dataclass(frozen=True)
class MobileNetV2Options:
    """MobileNetV2 backbone."""

    pretrain: bool = option(True, 'start from random weights in place of ImageNet ones')


@dataclass(frozen=True)
class MobileNetV3Options:
    """MobileNetV3 backbones."""

    pretrain: bool = option(True, 'start from random weights in place of ImageNet ones')


class _MobileNet(Backbone):
    """torchvision's feature layers as they are."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.backbone = features

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> features [B, out_features, h, w]."""
        features: Tensor = self.backbone(images)
        return features


class MobileNetV2(_MobileNet):
    """torchvision's MobileNetV2. Total stride 32."""

    names: ClassVar[tuple[str, ...]] = ('mobilenetv2',)
    Options: ClassVar[type] = MobileNetV2Options

    @classmethod
    def build(cls, name: str, options: MobileNetV2Options) -> 'MobileNetV2':
        """Build from torchvision's network."""
        trunk: Any = torchvision_network('mobilenet_v2', pretrain=options.pretrain, flag='--mobilenetv2-no-pretrain')
        return cls(trunk.features)


class MobileNetV3(_MobileNet):
    """torchvision's MobileNetV3 whose first convolution has stride 1. Total stride 16."""

    TABLE: ClassVar[dict[str, str]] = {
        'mobilenetv3small': 'mobilenet_v3_small',
        'mobilenetv3large': 'mobilenet_v3_large',
    }
    names: ClassVar[tuple[str, ...]] = tuple(TABLE)
    Options: ClassVar[type] = MobileNetV3Options

    @classmethod
    def build(cls, name: str, options: MobileNetV3Options) -> 'MobileNetV3':
        """Build from torchvision's network."""
        trunk: Any = torchvision_network(cls.TABLE[name], pretrain=options.pretrain, flag='--mobilenetv3-no-pretrain')
        trunk.features[0][0].stride = (1, 1)
        return cls(trunk.features)

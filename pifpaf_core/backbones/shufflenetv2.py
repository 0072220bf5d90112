"""ShuffleNetV2 (Ma et al., 2018) of torchvision without max pool (FIELDS section 3)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from ..options import option
from .contract import Backbone
from .pretrained import torchvision_network


@dataclass(frozen=True)
class ShuffleNetV2Options:
    """ShuffleNetV2 backbones."""

    pretrain: bool = option(True, 'start from random weights in place of ImageNet ones')


class ShuffleNetV2(Backbone):
    """torchvision's ShuffleNetV2. Total stride 16."""

    TABLE: ClassVar[dict[str, str]] = {'shufflenetv2x1': 'shufflenet_v2_x1_0', 'shufflenetv2x2': 'shufflenet_v2_x2_0'}
    names: ClassVar[tuple[str, ...]] = tuple(TABLE)
    Options: ClassVar[type] = ShuffleNetV2Options

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.conv1 = trunk.conv1
        self.stage2 = trunk.stage2
        self.stage3 = trunk.stage3
        self.stage4 = trunk.stage4
        self.conv5 = trunk.conv5

    @classmethod
    def build(cls, name: str, options: ShuffleNetV2Options) -> 'ShuffleNetV2':
        """Build from torchvision's network."""
        return cls(torchvision_network(cls.TABLE[name], pretrain=options.pretrain, flag='--shufflenetv2-no-pretrain'))

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> features [B, out_features, h, w]."""
        features: Tensor = self.conv5(self.stage4(self.stage3(self.stage2(self.conv1(images)))))
        return features

"""SqueezeNet 1.1 (Iandola et al., 2016) of torchvision with padded pools (FIELDS section 3)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from ..options import option
from .contract import Backbone
from .pretrained import torchvision_network


@dataclass(frozen=True)
class SqueezeNetOptions:
    """SqueezeNet backbone."""

    pretrain: bool = option(True, 'start from random weights in place of ImageNet ones')


class SqueezeNet(Backbone):
    """torchvision's SqueezeNet 1.1, padded so that cells lie on pixels. Total stride 16, no normalization layers.

    The pools round up (ceil mode), so an image whose sides are not 16 n + 1 pixels long gets one more row or column of
    cells than other backbones give it.
    """

    names: ClassVar[tuple[str, ...]] = ('squeezenet',)
    Options: ClassVar[type] = SqueezeNetOptions

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        for layer in features.modules():
            if isinstance(layer, nn.MaxPool2d):
                layer.padding = 1
            elif isinstance(layer, nn.Conv2d):
                layer.padding = tuple((k - 1) // 2 for k in layer.kernel_size)
        self.backbone = features

    @classmethod
    def build(cls, name: str, options: SqueezeNetOptions) -> 'SqueezeNet':
        """Build from torchvision's network."""
        trunk: Any = torchvision_network('squeezenet1_1', pretrain=options.pretrain, flag='--squeezenet-no-pretrain')
        return cls(trunk.features)

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> features [B, 512, h, w]."""
        features: Tensor = self.backbone(images)
        return features

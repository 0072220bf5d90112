"""A backbone that trains in seconds on a CPU: for tests, tutorials and trying out a data set."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from .contract import Backbone


@dataclass(frozen=True)
class TinyOptions:
    """Tiny backbone: no options."""


class Tiny(Backbone):
    """Four 3x3 convolutions of stride 2, then two dilated ones that widen the view to 127 pixels. Stride 16."""

    names: ClassVar[tuple[str, ...]] = ('tiny',)
    Options: ClassVar[type] = TinyOptions
    WIDTHS: ClassVar[tuple[int, ...]] = (16, 32, 48, 64)

    def __init__(self) -> None:
        super().__init__()
        channels = (3, *self.WIDTHS)
        self.down = nn.Sequential(*(_block(a, b, stride=2) for a, b in itertools.pairwise(channels)))
        self.wide = nn.Sequential(*(_block(channels[-1], channels[-1], dilation=d) for d in (1, 2)))

    @classmethod
    def build(cls, name: str, options: TinyOptions) -> 'Tiny':
        """Build it; there is one name and no option."""
        return cls()

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> features [B, 64, h, w]."""
        features: Tensor = self.wide(self.down(images))
        return features


def _block(in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )

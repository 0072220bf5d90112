"""What a backbone and a family of backbones are."""

import functools
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

_PROBE = 257  # pixels: n * stride + 1 for every power of two up to 256


class Backbone(nn.Module):
    """Turns images [B, 3, H, W] into features [B, out_features, h, w] with ``h = (H - 1) // stride + 1``, w likewise.

    The centre of cell (0, 0) is the centre of pixel (0, 0), so that cell (j, i) lies at pixel (i * stride, j * stride)
    (FIELDS section 1). A subclass writes ``forward``; stride and features are measured on it, not declared.
    """

    @property
    def stride(self) -> int:
        """Pixels from cell to cell."""
        return self._measured[0]

    @property
    def out_features(self) -> int:
        """Channels of the features."""
        return self._measured[1]

    @functools.cached_property
    def _measured(self) -> tuple[int, int]:
        modes = {module: module.training for module in self.modules()}
        weight = next(self.parameters())
        self.eval()
        with torch.no_grad():  # one row of pixels costs next to nothing
            features: Tensor = self(torch.zeros(1, 3, 1, _PROBE, device=weight.device, dtype=weight.dtype))
        for module, training in modes.items():
            module.training = training
        steps, cells = _PROBE - 1, features.shape[-1] - 1
        assert cells > 0 and steps % cells == 0, f'{features.shape[-1]} cells for {_PROBE} pixels'
        return steps // cells, features.shape[1]


class Family(Protocol):
    """A plugin: backbones that share options.

    Attributes:
        names: what ``--basenet`` takes.
        Options: frozen dataclass of `option` fields. A field ``pretrain``, where there is one, means ImageNet weights.
    """

    names: ClassVar[tuple[str, ...]]
    Options: ClassVar[type]

    @classmethod
    def build(cls, name: str, options: Any) -> Backbone:
        """Build backbone ``name``."""
        ...

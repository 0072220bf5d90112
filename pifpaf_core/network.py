"""The network: one backbone and the heads on top of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from . import backbones
from .backbones import Backbone
from .headmeta import HeadMeta
from .heads import CompositeField, inference
from .options import option

IMAGE_MEAN = (0.485, 0.456, 0.406)  # ImageNet's, of RGB in [0, 1]
IMAGE_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class NetworkOptions:
    """Network."""

    checkpoint: str | None = option(None, 'checkpoint to start from: a file, or the name of a published one')
    basenet: str | None = option(None, 'backbone of a new network, e.g. shufflenetv2k16')
    head_consolidation: Literal['keep', 'create', 'filter_and_extend'] = option(
        'filter_and_extend', "heads: the checkpoint's, new ones, or the checkpoint's as far as it has those asked for"
    )
    cf4_dropout: float = option(0.0, 'probability of zeroing a feature channel before the heads, in training')
    download_progress: bool = option(True, 'show no progress bar while a checkpoint is downloaded')

    def __post_init__(self) -> None:
        if not 0.0 <= self.cf4_dropout < 1.0:
            raise ValueError(f'--cf4-dropout={self.cf4_dropout} is no probability. Give 0 or more, below 1')


class Network(nn.Module):
    """Backbone and heads.

    Args:
        backbone: gives features.
        metas: one a head. The network keeps copies bound to their index and to the backbone's stride; the originals
            stay as they are.
        dropout: probability with which a feature channel is zeroed before the heads, in training.

    Attributes:
        base_net: the backbone.
        head_nets: the heads, in order.
    """

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, backbone: Backbone, metas: Sequence[HeadMeta], *, dropout: float = 0.0) -> None:
        super().__init__()
        self.base_net = backbone
        self.head_nets = nn.ModuleList()
        for index, meta in enumerate(metas):
            bound = meta.bound(index, backbone.stride)
            self.head_nets.append(CompositeField(bound, backbone.out_features, dropout=dropout))
        # Constants, so on the CPU even while weights are built on the meta device, and in no checkpoint.
        for name, values in (('image_mean', IMAGE_MEAN), ('image_std', IMAGE_STD)):
            self.register_buffer(name, torch.tensor(values, device='cpu').view(1, 3, 1, 1), persistent=False)

    @property
    def metas(self) -> list[HeadMeta]:
        """Bound metas of the heads, in order."""
        return [head.meta for head in self._heads]

    @property
    def stride(self) -> int:
        """Pixels from cell to cell of the backbone."""
        return self.base_net.stride

    @property
    def _heads(self) -> list[CompositeField]:
        return [head for head in self.head_nets if isinstance(head, CompositeField)]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalized images [B, 3, H, W] -> raw fields, one [B, F, C, h, w] a head: what losses read."""
        features = self.base_net(images)
        return [head(features) for head in self.head_nets]

    def predict(self, images: Tensor) -> list[Tensor]:
        """Normalized images [B, 3, H, W] -> fields in inference layout, one [B, F, C, h, w] a head: what decoders read.

        The caller sets ``eval()`` and the gradient mode.
        """
        return [inference(raw, meta) for raw, meta in zip(self(images), self.metas, strict=True)]

    def normalize(self, images: Tensor) -> Tensor:
        """RGB images uint8 [B, 3, H, W] -> float32 [B, 3, H, W] with ImageNet's mean and deviation taken out."""
        return (images.float() / 255.0 - self.image_mean.float()) / self.image_std.float()


def create(
    basenet: str,
    metas: Sequence[HeadMeta],
    *,
    backbone_options: Mapping[str, Any] | None = None,
    dropout: float = 0.0,
    pretrain: bool = True,
) -> Network:
    """A new network; arguments as in `backbones.build` and `Network`."""
    return Network(backbones.build(basenet, backbone_options, pretrain=pretrain), metas, dropout=dropout)

"""The network: one backbone and the heads on top of it."""

import dataclasses
import logging
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

LOG = logging.getLogger(__name__)


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
        for name, values in (('image_mean', IMAGE_MEAN), ('image_std', IMAGE_STD)):  # follow the device, are not saved
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    @property
    def metas(self) -> list[HeadMeta]:
        """Bound metas of the heads, in order."""
        return [head.meta for head in self.heads]

    @property
    def stride(self) -> int:
        """Pixels from cell to cell of the backbone."""
        return self.base_net.stride

    @property
    def heads(self) -> list[CompositeField]:
        """The heads, in order; the typed view of ``head_nets``."""
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


def consolidated(
    network: Network, metas: Sequence[HeadMeta], *, strategy: str = 'filter_and_extend', dropout: float = 0.0
) -> Network:
    """The network with the heads that a training wants (FIELDS section 14). The backbone and kept heads are shared.

    Args:
        network: of a checkpoint.
        metas: what the data sets ask for. Heads match on data set and name; of a kept head the checkpoint's meta stays
            (upsample, keypoints), only the training weights are those asked for.
        strategy: ``keep`` takes the heads of ``network``, ``create`` makes new ones, ``filter_and_extend`` keeps those
            that are asked for, in the order asked for, and adds those that are missing.
        dropout: as in `Network`.
    """
    old = {(head.meta.dataset, head.meta.name): head for head in network.heads}
    if strategy == 'keep':
        metas = [_kept(head.meta, metas) for head in network.heads]
    elif strategy == 'create':
        old = {}
    else:
        metas = [_kept(old[key].meta, [meta]) if (key := (meta.dataset, meta.name)) in old else meta for meta in metas]
    result = Network(network.base_net, metas, dropout=dropout)
    for head in result.heads:
        if source := old.get((head.meta.dataset, head.meta.name)):
            head.conv = source.conv
    return result.to(network.image_mean.device)


def _kept(meta: HeadMeta, asked: Sequence[HeadMeta]) -> HeadMeta:
    """``meta`` of a checkpoint's head, with the training weights of the one asked for."""
    for other in asked:
        if (other.dataset, other.name) != (meta.dataset, meta.name):
            continue
        if other.upsample != meta.upsample:
            LOG.warning(
                'head %s.%s keeps upsample %d of the checkpoint; --%s-upsample=%d is ignored',
                meta.dataset,
                meta.name,
                meta.upsample,
                meta.dataset,
                other.upsample,
            )
        if other.n_fields == meta.n_fields:
            return dataclasses.replace(meta, training_weights=other.training_weights)
    return meta

"""Which backbone a stand-in describes: its name, its options, and proof that ours computes the same."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .. import backbones
from ..backbones import Backbone
from .archive import Archive
from .modules import is_norm, layers, layers_of, state, walk
from .stand_ins import StandIn

LOG = logging.getLogger(__name__)


def identify(module: StandIn, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name of the backbone, and {family: options} to build it with.

    Args:
        module: the pickled backbone.
        arguments: those of the training, for the name if the module does not say it.

    Raises:
        ValueError: a backbone that is not supported.
    """
    if 'Tracking' in module.kind:
        raise ValueError('it tracks people over images, which is not supported')
    name = module.get('name') or arguments.get('basenet')
    family = backbones.family_name(str(name))
    options = {'shufflenetv2k': _shufflenetv2k_options, 'resnet': _resnet_options}.get(family)
    return str(name), {family: options(module)} if options else {}


def weights(module: StandIn, archive: Archive, backbone: Backbone) -> dict[str, Tensor]:
    """State dict for ``backbone``, which computes with it what the pickled ``module`` computes.

    Raises:
        ValueError: the two are built differently; the message names the first difference.
    """
    _compare(module, backbone)
    ours, theirs = backbone.state_dict(), state(module)
    tensors = {name: archive.tensor(value) for name, value in theirs.items()}
    if [tensor.shape for tensor in ours.values()] != [tensor.shape for tensor in tensors.values()]:
        raise ValueError(f'its weights do not fit: {_first_misfit(ours, tensors)}')
    if list(ours) != list(tensors):
        LOG.info('its weights have other names; taken in order, as kinds, shapes and order of all layers agree')
        tensors = dict(zip(ours, tensors.values(), strict=True))
    return {**tensors, **_with_our_eps(module, backbone, tensors)}


def _shufflenetv2k_options(module: StandIn) -> dict[str, Any]:
    parts = [(path, part) for path, part in walk(module)]
    kinds = {part.kind for _, part in parts}
    convs = [part for _, part in parts if part.kind == 'Conv2d']
    dense = [conv for conv in convs if conv.get('groups') == 1 and conv.get('kernel_size') == (3, 3)]
    depthwise = [conv for conv in convs if conv.get('groups') != 1]
    if not dense or not depthwise:
        raise ValueError('its backbone is no shufflenetv2k although it says so')
    return {
        'input_conv2_stride': dense[1].get('stride')[0] if len(dense) > 1 else 0,
        'input_conv2_outchannels': dense[1].get('out_channels') if len(dense) > 1 else None,
        'stage4_dilation': max(conv.get('dilation')[0] for conv in depthwise),
        'kernel': depthwise[0].get('kernel_size')[0],
        'conv5_as_stage': any(path.startswith('conv5.') and path.endswith('.branch2') for path, _ in parts),
        'instance_norm': 'InstanceNorm2d' in kinds,
        'group_norm': 'GroupNorm' in kinds,
        'leaky_relu': 'LeakyReLU' in kinds,
    }


def _resnet_options(module: StandIn) -> dict[str, Any]:
    parts = dict(walk(module))
    entry = [part for path, part in parts.items() if path.startswith('input_block.')]
    convs = [part for part in entry if part.kind == 'Conv2d']
    pools = [part for part in entry if part.kind == 'MaxPool2d']
    last = [part for path, part in parts.items() if path.startswith('block5.') and part.kind == 'Conv2d']
    if not convs:
        raise ValueError('its backbone is no resnet although it says so')
    return {
        'pretrain': False,
        'pool0_stride': _single(pools[0].get('stride')) if pools else 0,
        'input_conv_stride': convs[0].get('stride')[0],
        'input_conv2_stride': convs[1].get('stride')[0] if len(convs) > 1 else 0,
        'block5_dilation': max((conv.get('dilation')[0] for conv in last), default=1),
        'remove_last_block': not last,
    }


def _single(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)


def _compare(module: StandIn, backbone: Backbone) -> None:
    """All layers in order: a stride or a padding leaves no trace in the weights."""
    theirs, ours = layers(module), layers_of(backbone)
    if len(theirs) != len(ours):
        raise ValueError(f'its backbone has {len(theirs)} layers where ours has {len(ours)}')
    for (path, kind, geometry), (_, our_kind, our_geometry) in zip(theirs, ours, strict=True):
        common = geometry.keys() & our_geometry.keys()
        different = sorted(name for name in common if geometry[name] != our_geometry[name])
        if kind != our_kind:
            raise ValueError(f'layer {path} is a {kind} where ours has a {our_kind}')
        if different:
            name = different[0]
            raise ValueError(f'layer {path} has {name} {geometry[name]} where ours has {our_geometry[name]}')


def _first_misfit(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> str:
    for (name, tensor), (other, weight) in zip(ours.items(), theirs.items(), strict=False):
        if tensor.shape != weight.shape:
            return f'{other} has shape {list(weight.shape)} where {name} has {list(tensor.shape)}'
    return f'{len(theirs)} entries where ours has {len(ours)}'


def _with_our_eps(module: StandIn, backbone: Backbone, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gains of normalization layers that were trained with another eps, changed so that they give the same.

    Exact for running statistics: ``w / sqrt(var + e) == w' / sqrt(var + e')``.
    """
    theirs = [part for _, part in walk(module) if is_norm(part.kind)]
    ours = [(path, part) for path, part in backbone.named_modules() if is_norm(type(part).__name__)]
    changed = {}
    for stand_in, (path, norm) in zip(theirs, ours, strict=True):
        eps, our_eps = float(stand_in.get('eps', 0.0)), float(getattr(norm, 'eps', 0.0))
        if math.isclose(eps, our_eps):
            continue
        if not isinstance(norm, nn.BatchNorm2d | nn.InstanceNorm2d):
            raise ValueError(f'layer {path} has eps {eps} where ours has {our_eps}')
        variance = tensors[f'{path}.running_var'].double()
        gain = tensors[f'{path}.weight'].double() * torch.sqrt((variance + our_eps) / (variance + eps))
        changed[f'{path}.weight'] = gain.to(tensors[f'{path}.weight'].dtype)
    if changed:
        LOG.info(
            '%d normalization layers had another eps; their gains are changed so that they give the same', len(changed)
        )
    return changed

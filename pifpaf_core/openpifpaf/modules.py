"""Networks as stand-ins describe them: a tree of modules with parameters and buffers."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from .stand_ins import StandIn

# What decides, besides the weights, what a layer computes. Integers and pairs of equal integers mean the same.
_GEOMETRY = ('kernel_size', 'stride', 'padding', 'dilation', 'groups', 'ceil_mode', 'num_groups')
_NORMS = ('BatchNorm2d', 'SyncBatchNorm', 'InstanceNorm2d', 'GroupNorm', 'LayerNorm', 'LayerNorm2d')
_POOLS = ('MaxPool2d', 'AvgPool2d')


def walk(module: StandIn, path: str = '') -> Iterator[tuple[str, StandIn]]:
    """Path and stand-in of ``module`` and of all modules below it, in order."""
    yield path, module
    for name, child in _mapping(module, '_modules').items():
        if isinstance(child, StandIn):
            yield from walk(child, f'{path}.{name}' if path else name)


def state(module: StandIn) -> dict[str, Any]:
    """{name: stand-in of a tensor}, named and ordered as in PyTorch's state dict."""
    entries: dict[str, Any] = {}
    for path, part in walk(module):
        transient = part.get('_non_persistent_buffers_set', ())
        buffers = {name: value for name, value in _mapping(part, '_buffers').items() if name not in transient}
        for name, value in {**_mapping(part, '_parameters'), **buffers}.items():
            if value is not None:
                entries[f'{path}.{name}' if path else name] = value
    return entries


def is_norm(kind: str) -> bool:
    """Whether a layer of class ``kind`` normalizes."""
    return kind in _NORMS


def layers(module: StandIn) -> list[tuple[str, str, dict[str, Any]]]:
    """(path, kind, geometry) of the convolutions, pools and normalizations that stand-ins describe, in order."""
    return [
        (path, _general(part.kind), {name: _pair(part.state[name]) for name in _GEOMETRY if name in part.state})
        for path, part in walk(module)
        if part.kind == 'Conv2d' or part.kind in _POOLS or is_norm(part.kind)
    ]


def layers_of(module: nn.Module) -> list[tuple[str, str, dict[str, Any]]]:
    """The same of a network of ours."""
    return [
        (path, _general(kind), {name: _pair(getattr(part, name)) for name in _GEOMETRY if hasattr(part, name)})
        for path, part in module.named_modules()
        if (kind := type(part).__name__) == 'Conv2d' or kind in _POOLS or is_norm(kind)
    ]


def _general(kind: str) -> str:
    return 'BatchNorm2d' if kind == 'SyncBatchNorm' else kind


def _pair(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _mapping(module: StandIn, name: str) -> dict[str, Any]:
    value = module.get(name)
    return value if isinstance(value, dict) else {}

"""Backbones against `basenets.npz` and `basenets.json`, the whole network against `network_io.npz` and its weights."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.parity.case import UNREADABLE, Case
from benchmarks.parity.weights import fill, probe
from pifpaf_core import backbones
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.network import create
from pifpaf_core.skeletons.cocokp import COCO_PERSON

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

TOLERANCE = 1e-4  # relative to a network's largest value
BASENETS, NETWORK, WEIGHTS = 'basenets', 'network_io', 'shufflenetv2k16_seed42_state_dict.pt'
PARTS = ('first8', 'last8', 'channel_mean')
FIELDS = ('base', 'cif_raw', 'caf_raw', 'cif_eval', 'caf_eval', 'bn_eps', 'bn_momentum')


def cases(folder: Path) -> Iterator[Case]:
    """Compare all networks that are recorded in ``folder``."""
    yield from _states(folder / f'{BASENETS}.json')
    yield from _outputs(folder / f'{BASENETS}.npz')
    yield from _network(folder / f'{NETWORK}.npz', folder / WEIGHTS)


def _states(path: Path) -> Iterator[Case]:
    """Names and shapes of the weights, in order, and what is said of each network."""
    if not path.is_file():
        yield Case.absent(f'{BASENETS}/state')
        return
    for name, recorded in json.loads(path.read_text()).items():
        yield Case.attempted(f'{BASENETS}/{name}/state', partial(_compare_state, name, recorded))


def _compare_state(name: str, recorded: Mapping[str, Any]) -> Case:
    backbone = backbones.build(name, pretrain=False)
    norms = {(type(m).__name__, m.eps, m.momentum) for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)}
    ours = {
        'state': [[key, list(tensor.shape)] for key, tensor in backbone.state_dict().items()],
        'stride': backbone.stride,
        'out_features': backbone.out_features,
        'bn': [list(norm) for norm in norms],
    }
    wrong = [key for key, value in ours.items() if key in recorded and value != recorded[key]]
    case_name = f'{BASENETS}/{name}/state'
    return Case.failed(case_name, f'differs in {", ".join(wrong)}') if wrong else Case(case_name, 0.0, 0.0, True)


def _outputs(path: Path) -> Iterator[Case]:
    """Features for the weights of `fill`."""
    if not path.is_file():
        yield Case.absent(BASENETS)
        return
    with np.load(path) as arrays:
        for name in sorted({key.partition('/')[0] for key in arrays}):
            try:
                yield from _compare_features(arrays, name)
            except UNREADABLE as error:
                yield Case.failed(f'{BASENETS}/{name}', f'{type(error).__name__}: {error}')


def _compare_features(arrays: Arrays, name: str) -> Iterator[Case]:
    if not any(f'{name}/{part}' in arrays for part in PARTS):
        yield Case.absent(f'{BASENETS}/{name}')
        return
    features = _features(name)
    ours = {'first8': features[:8], 'last8': features[-8:], 'channel_mean': features.mean((1, 2))}
    largest = np.abs(features).max()
    for part, value in ours.items():
        key = f'{name}/{part}'
        if key not in arrays:
            yield Case.absent(f'{BASENETS}/{key}')
            continue
        yield Case.compared(f'{BASENETS}/{key}', value / largest, arrays[key] / largest, tolerance=TOLERANCE)


def _features(name: str) -> Array:
    """[C, h, w]. In float64, because the rounding of float32 alone moves mobilenetv3small by twice the tolerance."""
    backbone = backbones.build(name, pretrain=False).double().eval()
    fill(backbone)
    with torch.inference_mode():
        features: Array = backbone(probe())[0].numpy()
    return features


def _network(path: Path, weights: Path) -> Iterator[Case]:
    """A shufflenetv2k16 with heads and weights of its own."""
    if not path.is_file() or not weights.is_file():
        yield Case.absent(NETWORK, f'{path.name if not path.is_file() else weights.name} absent')
        return
    with np.load(path) as arrays:
        ours = _network_outputs(weights, torch.from_numpy(arrays['x']))
        for key in FIELDS:
            name = f'{NETWORK}/{key}'
            if key not in arrays:
                yield Case.absent(name)
                continue
            yield Case.compared(name, ours[key], arrays[key], tolerance=TOLERANCE, relative_to_largest=True)


def _network_outputs(weights: Path, images: torch.Tensor) -> dict[str, Array]:
    cif = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON, upsample=2)
    caf = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON, upsample=2)
    network = create('shufflenetv2k16', [cif, caf]).eval()
    network.load_state_dict(torch.load(weights, weights_only=True)['state_dict'])
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    with torch.inference_mode():
        tensors = network.base_net(images), *network(images), *network.predict(images)
    arrays = dict(zip(FIELDS, (tensor.numpy() for tensor in tensors), strict=False))
    return {
        **arrays,
        'bn_eps': np.array([layer.eps for layer in norms]),
        'bn_momentum': np.array([layer.momentum for layer in norms]),
    }

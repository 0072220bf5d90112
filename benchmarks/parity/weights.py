"""Weights and an input that need no file: the rule by which the reference's `basenets.npz` was made."""

import math

import torch
from torch import Tensor, nn


def fill(module: nn.Module) -> None:
    """Fill the state of ``module`` in place, from a sine per entry, so that activations stay of order one.

    Entries are counted in the order of the state dict, integer ones too. Computed in float64, then cast.
    """
    with torch.no_grad():
        for index, (name, tensor) in enumerate(module.state_dict().items()):
            wave = torch.sin(0.37 * torch.arange(tensor.numel(), dtype=torch.float64) + index).reshape(tensor.shape)
            tensor.copy_(_scaled(wave, name))


def probe(height: int = 97, width: int = 129) -> Tensor:
    """The input image [1, 3, height, width], float64."""
    return torch.sin(0.05 * torch.arange(3 * height * width, dtype=torch.float64)).reshape(1, 3, height, width)


def _scaled(wave: Tensor, name: str) -> Tensor:
    if name.endswith('running_mean'):
        return 0.1 * wave
    if name.endswith('running_var'):
        return 1.0 + 0.1 * wave
    if wave.ndim > 1:
        return wave * math.sqrt(6.0 / wave[0].numel())
    return 0.1 * wave if name.endswith('bias') else 1.0 + 0.1 * wave

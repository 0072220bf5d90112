"""The exponential moving average of the weights, which is what a checkpoint holds (CONTRACTS section 6)."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


class ExponentialMovingAverage:
    """One continuous average over the parameters and buffers of a network.

    After step n the average moves with decay ``min(decay, (1 + n) / (10 + n))``: fast at first, so that a short
    training is not dominated by its random start. Integer buffers are copied.

    Args:
        network: in its final place and memory format, because its tensors are remembered.
        decay: of the average in a long training, below 1.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self._live = dict(network.state_dict())
        self._average = {name: tensor.clone() for name, tensor in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average toward the network, once after each step of the optimizer."""
        self.steps += 1
        weight = 1.0 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        averages, lives = self._floating(self._average), self._floating(self._live)
        torch._foreach_lerp_(averages, lives, weight)
        for name, live in self._live.items():
            if not live.is_floating_point():
                self._average[name].copy_(live)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the network hold the average within the block and exactly its own weights and buffers after it."""
        own = {name: tensor.clone() for name, tensor in self._live.items()}
        _copy(self._average, self._live)
        try:
            yield
        finally:
            _copy(own, self._live)

    def state_dict(self) -> dict[str, Any]:
        """For `load_state_dict`; holds the live tensors of the average."""
        return {'steps': self.steps, 'average': self._average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over an average of the same network."""
        self.steps = state['steps']
        _copy(state['average'], self._average)

    @staticmethod
    def _floating(tensors: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        return [tensor for tensor in tensors.values() if tensor.is_floating_point()]


@torch.no_grad()
def _copy(source: dict[str, torch.Tensor], target: dict[str, torch.Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])

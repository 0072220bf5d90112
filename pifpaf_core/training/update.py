"""From the loss of a batch to new weights: gradients, their limits, the step, the average of the weights."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from . import optimizer
from .clipping import Clipping
from .ema import ExponentialMovingAverage
from .objective import Objective


class Update:
    """Applies gradients. With float16 they are scaled, so that small ones do not vanish.

    Args:
        objective: network and loss, in their final place.
        optimizer_: of the parameters of both.
        clipping: limits on gradients.
        ema: average of the network's weights.

    Attributes:
        clipping: as given.
        ema: as given.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer_: torch.optim.Optimizer,
        clipping: Clipping,
        ema: ExponentialMovingAverage,
    ) -> None:
        self.clipping, self.ema = clipping, ema
        self._optimizer = optimizer_
        self._parameters = [p for group in optimizer_.param_groups for p in group['params']]
        device = next(objective.parameters()).device.type
        self._scaler = torch.amp.GradScaler(device, enabled=objective.autocast_dtype is torch.float16)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss."""
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def apply(self, lr: float) -> None:
        """Take a step with what has been added. float16 leaves out a step that overflows, and scales less then."""
        self._scaler.unscale_(self._optimizer)
        self.clipping(self._parameters, lr=lr)
        optimizer.set_learning_rate(self._optimizer, lr)
        scale = self._scaler.get_scale()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._scaler.get_scale() >= scale:
            self.ema.update()
        self.discard()

    def discard(self) -> None:
        """Forget what has been added."""
        self._optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on, for `load_state_dict`."""
        return {
            'optimizer': self._optimizer.state_dict(), 'ema': self.ema.state_dict(),
            'clipping': self.clipping.state_dict(), 'scaler': self._scaler.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of the same network; rates and other settings stay as they were built."""
        optimizer.restore(self._optimizer, state['optimizer'])
        self.ema.load_state_dict(state['ema'])
        self.clipping.load_state_dict(state['clipping'])
        if self._scaler.is_enabled() and state.get('scaler'):
            self._scaler.load_state_dict(state['scaler'])

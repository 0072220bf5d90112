"""Limits on gradients (FIELDS section 10)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass
class Clipping:
    """Clips gradients and counts how often.

    Attributes:
        value: limit on each element of a gradient; 0 for none.
        change: limit on the change of a single parameter by plain SGD, learning rate times gradient; above it all
            gradients shrink by one factor. 0 for none.
        n_clipped: steps in which the second limit was met.
        max_norm: largest element of a gradient in these steps, before clipping.
    """

    value: float = 0.0
    change: float = 0.0
    n_clipped: int = field(default=0, init=False)
    max_norm: float = field(default=0.0, init=False)

    def __call__(self, parameters: Sequence[nn.Parameter], *, lr: float) -> None:
        """Clip the gradients of ``parameters`` for a step with learning rate ``lr``."""
        if self.value > 0.0:
            nn.utils.clip_grad_value_(parameters, self.value)
        if self.change > 0.0:
            limit = self.change / lr
            norm = float(nn.utils.clip_grad_norm_(parameters, limit, norm_type=torch.inf))
            self.n_clipped += norm > limit
            self.max_norm = max(self.max_norm, norm)

    def reset(self) -> None:
        """Count anew."""
        self.n_clipped, self.max_norm = 0, 0.0

    def state_dict(self) -> dict[str, float]:
        """The counts, for `load_state_dict`."""
        return {'n_clipped': self.n_clipped, 'max_norm': self.max_norm}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take over counts."""
        self.n_clipped, self.max_norm = int(state['n_clipped']), float(state['max_norm'])

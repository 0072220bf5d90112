"""The size of gradients, and limits on it (FIELDS section 10)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Clipping:
    """Measures and clips gradients, and counts how often.

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
    _norm: Tensor | None = field(default=None, init=False)

    def __call__(self, parameters: Sequence[nn.Parameter], *, lr: float) -> None:
        """Clip the gradients of ``parameters`` for a step with learning rate ``lr``."""
        self._norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if self.value > 0.0:
            nn.utils.clip_grad_value_(parameters, self.value)
        if self.change > 0.0:
            limit = self.change / lr
            norm = float(nn.utils.clip_grad_norm_(parameters, limit, norm_type=torch.inf))
            if math.isfinite(norm):  # float16 may overflow, which its scaler deals with
                self.n_clipped += norm > limit
                self.max_norm = max(self.max_norm, norm)

    @property
    def norm(self) -> float | None:
        """Euclidean length of the gradient of the last step, before clipping; None if there is none or not finite."""
        norm = math.nan if self._norm is None else float(self._norm)
        return float(f'{norm:.5g}') if math.isfinite(norm) else None

    def reset(self) -> None:
        """Count anew."""
        self.n_clipped, self.max_norm = 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """The counts, for `load_state_dict`."""
        return {'n_clipped': self.n_clipped, 'max_norm': self.max_norm, 'norm': self._norm}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over counts."""
        self.n_clipped, self.max_norm = int(state['n_clipped']), float(state['max_norm'])
        self._norm = state.get('norm')

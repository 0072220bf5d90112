"""Ways to weigh the components of several heads against each other while training (FIELDS section 8)."""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn

HISTORY = 53  # batches
LAPLACE_CONSTANT = 0.694  # about log(2)
GAUSS_CONSTANT = 0.919  # about log(2 pi) / 2


class KendallBalance(nn.Module):
    r"""Learned uncertainty of each component, after Kendall, Gal and Cipolla (CVPR 2018).

    With $s = 3 \tanh(\log\sigma / 3)$ a scale component becomes $0.694 + s + l e^{-s}$ (Laplace), a confidence
    component $0.919 + s + \frac12 l e^{-2 s}$ (Gauss). Regressions stay as they are: they have learned widths already.

    ``log_sigmas`` [n] is an ordinary parameter that starts at 0 and belongs into the optimizer. For distributed
    training, wrap network and loss into one module, so that its gradient is averaged as all others are.

    Args:
        names: of the components; the last part of each says what it is.
    """

    laplace: Tensor
    plain: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        kinds = [name.rpartition('.')[2] for name in names]
        self.log_sigmas = nn.Parameter(torch.zeros(len(kinds)))
        self.register_buffer('laplace', torch.tensor([kind == 'scales' for kind in kinds]), persistent=False)
        self.register_buffer('plain', torch.tensor([kind == 'vec' for kind in kinds]), persistent=False)

    def forward(self, losses: Tensor, present: Tensor) -> Tensor:
        """Terms [n] of the total loss for the components [n]; ``present`` does not matter."""
        s = 3.0 * torch.tanh(self.log_sigmas / 3.0)
        gauss = GAUSS_CONSTANT + s + 0.5 * losses * torch.exp(-2.0 * s)
        laplace = LAPLACE_CONSTANT + s + losses * torch.exp(-s)
        return torch.where(self.plain, losses, torch.where(self.laplace, laplace, gauss))

    def sigmas(self) -> list[float]:
        """The uncertainties, from the unconstrained parameters."""
        return torch.exp(self.log_sigmas.detach()).tolist()


class VarianceBalance(nn.Module):
    """Components divided by the standard deviation of their last 53 values, so that all fluctuate alike.

    The deviations are limited to 0.01 to 100 and then multiplied by one factor that makes the mean of their inverses 1.
    Until a component has 53 values its deviation counts as 10. Only training batches are remembered, and only values
    that are finite. In distributed training all processes remember the mean of their values, and so use the same
    weights.

    Args:
        n_components: number n of components.

    Attributes:
        history: [n, 53], the last values.
        count: [n], how many values each component has had.
        deviations: [n], as used for the last batch.
    """

    history: Tensor
    count: Tensor
    deviations: Tensor

    def __init__(self, n_components: int) -> None:
        super().__init__()
        self.register_buffer('history', torch.zeros(n_components, HISTORY))
        self.register_buffer('count', torch.zeros(n_components, dtype=torch.int64))
        self.register_buffer('deviations', torch.ones(n_components))

    def forward(self, losses: Tensor, present: Tensor) -> Tensor:
        """Terms [n] of the total loss for the components [n], of which ``present`` [n] has those with a target."""
        if self.training:
            self._remember(losses.detach().clone(), present)
        return losses / self.deviations.clone()  # which the next batch changes in place

    @torch.no_grad()
    def _remember(self, losses: Tensor, present: Tensor) -> None:
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(losses)
            losses /= distributed.get_world_size()
        present = present & losses.isfinite()
        slots = torch.arange(HISTORY, device=losses.device)
        now = present[:, None] & (slots == (self.count % HISTORY)[:, None])
        self.history.copy_(torch.where(now, losses[:, None], self.history))
        self.count += present
        spread = torch.where(self.count >= HISTORY, self.history.std(dim=1, correction=0), 10.0).clamp(0.01, 100.0)
        self.deviations.copy_(spread * (1.0 / spread).mean())

    def sigmas(self) -> list[float]:
        """The deviations that the last batch was weighed by."""
        return self.deviations.tolist()

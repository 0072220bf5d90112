"""The loss of all heads: a weighted sum of their components (FIELDS section 8)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..headmeta import HeadMeta
from .balance import KendallBalance, VarianceBalance
from .composite import CompositeLoss
from .options import LossOptions


class NonFiniteLoss(ValueError):  # noqa: N818 it is named after what was found
    """A component of the loss is infinite or NaN, so that training cannot go on.

    Attributes:
        component: its name.
        previous: all components of the batch before by name, 0 without target; empty for the first batch.
    """

    def __init__(self, component: str, value: float, previous: dict[str, float]) -> None:
        self.component = component
        self.previous = previous
        before = ', '.join(f'{name} {loss:.6g}' for name, loss in previous.items())
        super().__init__(
            f'found a loss that is not finite: {component} is {value} (before: {before or "nothing"}). '
            'Lower --lr, or set --clip-grad-value'
        )


class MultiHeadLoss(nn.Module):
    r"""Total loss $\sum_i \lambda_i l_i$ over the components of all heads.

    With ``auto_tune_mtl`` or ``auto_tune_mtl_variance`` each $l_i$ is first weighed by what training shows of it; see
    `KendallBalance` and `VarianceBalance`. The former has a parameter to train, the latter a state: use this module's
    ``parameters()``, ``state_dict()``, ``train()`` and ``eval()`` as any network's.

    Args:
        metas: of the heads, in the order of the network.
        options: of the components, with ``lambdas`` one a head or ``component_lambdas`` one a component; 1 by default.

    Attributes:
        field_names: ``<dataset>.<head>.<component>``, one a component.

    Raises:
        ValueError: a wrong number of weights.
    """

    lambdas: Tensor

    def __init__(self, metas: Sequence[HeadMeta], options: LossOptions) -> None:
        super().__init__()
        heads = [CompositeLoss(meta, options) for meta in metas]
        self.heads = nn.ModuleList(heads)
        self.field_names = [name for head in heads for name in head.field_names]
        self.register_buffer('lambdas', torch.tensor(_lambdas(metas, options)), persistent=False)
        self.balance: KendallBalance | VarianceBalance | None = None
        if options.auto_tune_mtl:
            self.balance = KendallBalance(self.field_names)
        elif options.auto_tune_mtl_variance:
            self.balance = VarianceBalance(len(self.field_names))
        self._previous: dict[str, float] = {}

    def forward(self, raws: Sequence[Tensor], targets: Sequence[Tensor | None]) -> tuple[Tensor, list[Tensor | None]]:
        """Compare the raw fields of all heads with their targets.

        Args:
            raws: for each head [B, F, C, H, W]; see `CompositeLoss`.
            targets: for each head [B, F, T, H, W], or None if this batch says nothing about it. Then none of its
                components enters the total. In distributed training all processes must have targets for the same heads.

        Returns:
            The total to differentiate, [], and the components as in ``field_names``, each [], None without target.

        Raises:
            ValueError: a wrong number of fields, or no target at all.
            NonFiniteLoss: a component is infinite or NaN.
        """
        if not len(raws) == len(targets) == len(self.heads):
            raise ValueError(
                f'{len(raws)} outputs and {len(targets)} targets for {len(self.heads)} heads. Give one of each'
            )
        if all(target is None for target in targets):
            raise ValueError('a batch has no target for any head. Train on data sets that the heads belong to')
        losses, present = self._components(raws, targets)
        mask = torch.tensor(present, device=losses.device)
        terms = losses if self.balance is None else self.balance(losses, mask)
        total = (self.lambdas * torch.where(mask, terms, 0.0)).sum()
        self._check_finite(losses)  # last, so that in each process the balance has met the other processes
        return total, [loss if is_present else None for loss, is_present in zip(losses, present, strict=True)]

    def sigmas(self) -> list[float] | None:
        """For each component what auto-tuning found to be its spread; None without auto-tuning."""
        return None if self.balance is None else self.balance.sigmas()

    def _components(self, raws: Sequence[Tensor], targets: Sequence[Tensor | None]) -> tuple[Tensor, list[bool]]:
        """All components [n], 0 without target, and for each whether it has one."""
        losses: list[Tensor] = []
        present: list[bool] = []
        for head, raw, target in zip(self.heads, raws, targets, strict=True):
            assert isinstance(head, CompositeLoss)
            n_components = len(head.field_names)
            losses.append(self.lambdas.new_zeros(n_components) if target is None else head(raw, target))
            present += [target is not None] * n_components
        return torch.cat(losses), present

    def _check_finite(self, losses: Tensor) -> None:
        values = dict(zip(self.field_names, losses.detach().tolist(), strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise NonFiniteLoss(name, value, self._previous)
        self._previous = values


def _lambdas(metas: Sequence[HeadMeta], options: LossOptions) -> list[float]:
    """One weight a component."""
    names = [f'{meta.name}.{component}' for meta in metas for component in meta.loss_components]
    if options.component_lambdas:
        return _one_each('--component-lambdas', options.component_lambdas, names)
    heads = _one_each('--lambdas', options.lambdas or (1.0,) * len(metas), [meta.name for meta in metas])
    return [weight for weight, meta in zip(heads, metas, strict=True) for _ in meta.loss_components]


def _one_each(flag: str, values: Sequence[float], names: Sequence[str]) -> list[float]:
    if len(values) != len(names):
        raise ValueError(f'{flag} has {len(values)} values. Give {len(names)}, for {", ".join(names)}')
    return [float(value) for value in values]

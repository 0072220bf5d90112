"""The loss of one head: its confidence, regression and scale components (FIELDS section 8)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..headmeta import HeadMeta
from .components import confidence_loss, regression_loss, scale_loss
from .options import LossOptions

SIGMA_OF_SCALE = 0.5  # unit of regression errors over the scale of a keypoint
SIGMA_OF_EXTENT = 0.1  # the same over the diagonal of a box, for heads without scales

Components = tuple[Tensor, ...]  # each [B, F, H, W]


class CompositeLoss(nn.Module):
    """Sums of the losses of all cells and fields over the batch size; nothing is normalized by the number of positives.

    Args:
        meta: of the head; its layouts say where the components are, its ``training_weights`` weigh the fields.
        options: of all components.

    Attributes:
        field_names: ``<dataset>.<head>.<component>``, one a component.
    """

    weights: Tensor

    def __init__(self, meta: HeadMeta, options: LossOptions) -> None:
        super().__init__()
        self.meta = meta
        self.options = options
        self.field_names = [f'{meta.dataset}.{meta.name}.{component}' for component in meta.loss_components]
        weights = torch.tensor(meta.training_weights or (1.0,) * meta.n_fields).view(1, -1, 1, 1)
        self.register_buffer('weights', weights, persistent=False)

    def forward(self, raw: Tensor, target: Tensor) -> Tensor:
        """Compare what a head put out with what it should have.

        Args:
            raw: [B, F, C, H, W], C components of ``meta.prediction``, without activations. Computed with in float32.
            target: [B, F, T, H, W], T components of ``meta.target``; NaN as `pifpaf_core.encoders.encode` defines it.

        Returns:
            [n] float32, the components of ``field_names``.

        Raises:
            ValueError: shapes that do not fit the head or each other.
        """
        self._check(raw, target)
        with torch.autocast(raw.device.type, enabled=False):
            losses = self._losses(_components(raw), _components(target), gather=raw.device.type == 'cpu')
            return torch.stack(losses) / raw.shape[0]

    def _losses(self, raw: Components, target: Components, *, gather: bool) -> list[Tensor]:
        """The components of the loss, each [].

        Args:
            raw: predicted components.
            target: true components.
            gather: compute regressions and scales only where they have a target: about one cell in a hundred. On an
                accelerator that would mean to wait for their number.
        """
        prediction, truth = self.meta.prediction, self.meta.target
        assert prediction.logs2 is not None
        logs2 = 3.0 * torch.tanh(raw[prediction.logs2] / 3.0)
        confidence = confidence_loss(raw[prediction.confidence], target[truth.confidence], logs2, options=self.options)
        losses = [(self.weights * confidence).sum()]
        for group in (self._regressions(raw, target, logs2, gather), self._scales(raw, target, gather)):
            losses += [torch.stack(group).sum()] if group else []
        return losses

    def _regressions(self, raw: Components, target: Components, logs2: Tensor, gather: bool) -> list[Tensor]:
        prediction, truth = self.meta.prediction, self.meta.target
        sums = []
        for i in range(len(truth.vectors)):
            x, y = target[truth.vector(i)]
            inputs = (*raw[prediction.vector(i)], x, y, target[truth.bmin(i)], *self._size(raw, target, i), logs2)
            cells, weights = self._select(torch.isfinite(x) & torch.isfinite(y), inputs, gather)
            bmin, sigma, cell_logs2 = cells[4], self._sigma(*cells[5:7]), cells[7]
            loss = regression_loss(cells[0:2], cells[2:4], bmin, sigma, cell_logs2, options=self.options)
            sums.append((weights * loss).sum())
        return sums

    def _scales(self, raw: Components, target: Components, gather: bool) -> list[Tensor]:
        prediction, truth = self.meta.prediction, self.meta.target
        sums = []
        for i in range(len(truth.scales)):
            scale = target[truth.scale(i)]
            cells, weights = self._select(torch.isfinite(scale), (raw[prediction.scale(i)], scale), gather)
            sums.append((weights * scale_loss(*cells, options=self.options)).sum())
        return sums

    def _select(self, known: Tensor, components: Components, gather: bool) -> tuple[Components, Tensor]:
        """Components and weights of the ``known`` cells [n], or of all [B, F, H, W] unless ``gather``."""
        if not gather:
            return components, self.weights
        cells = torch.nonzero(known, as_tuple=True)
        return tuple(component[cells] for component in components), self.weights.view(-1)[cells[1]]

    def _size(self, raw: Components, target: Components, i: int) -> tuple[Tensor, Tensor]:
        """What tells the size of the things that vector i points at: predicted and true scale, or width and height."""
        prediction, truth = self.meta.prediction, self.meta.target
        if truth.scales:
            return raw[prediction.scale(i)].detach(), target[truth.scale(i)]
        width, height = target[truth.vector(prediction.offset_vectors.index(False))]
        return width, height

    def _sigma(self, a: Tensor, b: Tensor) -> Tensor:
        """Unit of the errors in cells, from `_size`; the predicted scale stands in for an unknown one."""
        if self.meta.target.scales:
            return SIGMA_OF_SCALE * torch.where(torch.isnan(b), functional.softplus(a), b)
        return SIGMA_OF_EXTENT * torch.hypot(a, b)

    def _check(self, raw: Tensor, target: Tensor) -> None:
        n_fields, n_raw, n_target = self.meta.n_fields, self.meta.prediction.n_components, self.meta.target.n_components
        batch, cells = raw.shape[:1], raw.shape[3:]
        if raw.shape[1:3] != (n_fields, n_raw) or target.shape != (*batch, n_fields, n_target, *cells):
            raise ValueError(
                f"head '{self.meta.name}' got output {list(raw.shape)} and target {list(target.shape)}. "
                f'Give [B, {n_fields}, {n_raw}, H, W] and [B, {n_fields}, {n_target}, H, W]'
            )


def _components(fields: Tensor) -> Components:
    """The components of fields [B, F, C, H, W] as float32, each with its cells side by side in memory.

    They come from one operation, so that their gradient is put together once and not once a component.
    """
    return fields.to(torch.float32, memory_format=torch.contiguous_format).unbind(dim=2)

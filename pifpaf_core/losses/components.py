r"""The three parts of a composite loss, cell by cell: confidence, regression, scale (FIELDS section 8).

All take float32 tensors of one shape, which may be [B, F, H, W] or cells [n] picked from it, and return that shape,
with zeros where there is no target. So a GPU need not wait for the number of positives, and a compiler can fuse all.
Where a target is NaN the error is replaced, not multiplied by zero: NaN times zero would come back in the gradient.

Notation, as in the guide's section on the composite loss: $\hat x$ is predicted, $x$ is the target, $\hat b$ the
predicted width. A cell predicts one $\log \hat b^2$, called ``logs2``, for confidence and regression together. A small
width lowers the penalty $\log \hat b$ but multiplies the errors, so that a network only profits from it where it solves
both tasks well.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .options import LossOptions

LOG_2 = 0.69314
DEFAULT_BMIN = 0.1  # cells, where the target has none
SCALE_FLOOR = 0.1  # cells, added to the target scale that an error is measured by


def confidence_loss(x: Tensor, target: Tensor, logs2: Tensor, *, options: LossOptions) -> Tensor:
    r"""Focal loss, expressed as a regression so that it can share the width $\hat b$.

    The gradient of the focal loss of a foreground cell, with $p = 1 / (1 + e^{-\hat x})$ and $\bar p = 1 - p$,

    $$\partial_{\hat x} \mathrm{FL} = -\bar p \, [\bar p^\gamma - \gamma \bar p^{\gamma - 1} p \ln p]$$

    is that of half a squared distance to the point $t_2 = \hat x + \bar p \, [\ldots]$, taken as a constant. For the
    background $\hat x$ changes its sign. Foreground cells then get the Gaussian likelihood of that distance,
    $l / \hat b^2 \cdot \frac12 + \frac12 \log \hat b^2$ with the smooth L1 loss $l$; background cells $l$ itself.

    Args:
        x: logits.
        target: 0 or 1; NaN is ignored.
        logs2: $\log \hat b^2$.
        options: ``focal_alpha`` multiplies the bracket, ``focal_gamma`` is its exponent (0: the bracket is 1);
            ``bce_background_clamp`` and ``bce_soft_clamp`` apply before the likelihood.
    """
    foreground = target > 0.0
    sign = torch.where(foreground, 1.0, -1.0)
    with torch.no_grad():
        distance = sign * _focal_step(sign * x, options.focal_alpha, options.focal_gamma)
    # x - t2 without the rounding of x + step: its value is the step, its gradient that of x
    loss = _smooth_l1(x - x.detach() - distance)
    loss = torch.where(~foreground & (x < options.bce_background_clamp), 0.0, loss)
    loss = soft_clamp(loss, options.bce_soft_clamp)
    loss = torch.where(foreground, 0.5 * loss * torch.exp(-logs2) + 0.5 * logs2, loss)
    return torch.where(target >= 0.0, loss, 0.0)


def _focal_step(logit: Tensor, alpha: float, gamma: float) -> Tensor:
    """Minus the gradient of the focal loss with respect to the logit of the right answer."""
    wrong = torch.sigmoid(-logit)
    if gamma == 0.0:
        return alpha * wrong
    wrong = wrong.clamp(min=torch.finfo(wrong.dtype).tiny)  # has a negative exponent if gamma < 1
    surprise = functional.softplus(-logit)
    return alpha * wrong * (wrong**gamma + gamma * wrong ** (gamma - 1.0) * (1.0 - wrong) * surprise)


def regression_loss(
    xy: Sequence[Tensor], target: Sequence[Tensor], bmin: Tensor, sigma: Tensor, logs2: Tensor, *, options: LossOptions
) -> Tensor:
    r"""Laplace likelihood of the distance between predicted and true point, $l / \hat b + \log \hat b$.

    The distance is $l = \|(\hat x - x, \hat y - y, b_{min})\|_2 / \sigma$, where $b_{min}$ keeps an overfitting network
    from profiting by errors below a fraction of a pixel. $\log \hat b$ includes the $\log 2$ of the normalization.
    There is no lower bound at zero: negative losses are right.

    Args:
        xy: predicted x and y.
        target: true x and y; no loss where either is not finite.
        bmin: $b_{min}$ in cells; NaN stands for 0.1.
        sigma: $\sigma$, the unit of the error, in cells; must be finite where the target is.
        logs2: $\log \hat b^2$.
        options: ``regression_soft_clamp`` applies to the distance.
    """
    known = torch.isfinite(target[0]) & torch.isfinite(target[1])
    dx, dy = (torch.where(known, a - b, 0.0) for a, b in zip(xy, target, strict=True))
    bmin = torch.where(torch.isnan(bmin), DEFAULT_BMIN, bmin)
    squared = dx * dx + dy * dy + bmin * bmin
    distance = torch.sqrt(squared.clamp(min=1e-12)) / torch.where(known, sigma, 1.0)
    log_b = 0.5 * logs2 + LOG_2
    loss = soft_clamp(distance, options.regression_soft_clamp) * torch.exp(-log_b) + log_b
    return torch.where(known, loss, 0.0)


def scale_loss(x: Tensor, target: Tensor, *, options: LossOptions) -> Tensor:
    r"""Smooth L1 loss of the relative error of a scale $\hat s = \mathrm{softplus}(\hat x)$.

    The error is $|\hat s - s| / (b (0.1 + s))$, or $|\log \hat s - \log s| / b$ with ``scale_log``.

    Args:
        x: raw scales.
        target: scales in cells; no loss where not finite.
        options: ``b_scale`` is $b$; ``scale_soft_clamp`` applies to the error.
    """
    known = torch.isfinite(target)
    target = torch.where(known, target, 1.0)
    if options.scale_log:
        error = (_log_softplus(x) - torch.log(target)).abs() / options.b_scale
    else:
        error = (functional.softplus(x) - target).abs() / (options.b_scale * (SCALE_FLOOR + target))
    return torch.where(known, _smooth_l1(soft_clamp(error, options.scale_soft_clamp)), 0.0)


def soft_clamp(loss: Tensor, limit: float) -> Tensor:
    """``limit + log(1 + loss - limit)`` above ``limit``: a logarithmic tail, so that an outlier keeps a gradient."""
    return loss.clamp(max=limit) + torch.log1p((loss - limit).clamp(min=0.0))


def _smooth_l1(error: Tensor) -> Tensor:
    return functional.smooth_l1_loss(error, torch.zeros_like(error), reduction='none')


def _log_softplus(x: Tensor) -> Tensor:
    """Logarithm of softplus, which is x itself where softplus becomes too small for its logarithm."""
    return torch.where(x < -15.0, x, torch.log(functional.softplus(x.clamp(min=-15.0))))

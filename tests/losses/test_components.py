"""The three losses, cell by cell, against the formulas of FIELDS section 8 in plain Python."""

import math

import pytest
import torch

from pifpaf_core.losses import LossOptions
from pifpaf_core.losses.components import confidence_loss, regression_loss, scale_loss, soft_clamp

NAN = math.nan


def smooth_l1(error):
    return 0.5 * error * error if abs(error) < 1.0 else abs(error) - 0.5


def clamped(loss, limit):
    return loss if loss <= limit else limit + math.log(1.0 + loss - limit)


def softplus(x):
    return math.log1p(math.exp(x))


def confidence(x, target, logs2=0.0, **options):
    x = torch.tensor([x], requires_grad=True)
    loss = confidence_loss(x, torch.tensor([target]), torch.tensor([logs2]), options=LossOptions(**options))
    loss.sum().backward()
    return loss.item(), x.grad.item()


def focal_step(x, target, alpha=0.5, gamma=1.0):
    """Minus the derivative of the focal loss of the right answer, by finite differences."""
    sign = 1.0 if target else -1.0

    def focal(logit):
        p = 1.0 / (1.0 + math.exp(-sign * logit))
        return -((1.0 - p) ** gamma) * math.log(p)

    return -alpha * (focal(x + 1e-5) - focal(x - 1e-5)) / 2e-5


@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize('x', [-6.0, -1.0, 0.0, 0.7, 5.0])
@pytest.mark.parametrize('target', [0.0, 1.0])
def test_confidence_has_the_gradient_of_the_focal_loss(x, target, gamma):
    loss, gradient = confidence(x, target, focal_gamma=gamma)
    step = focal_step(x, target, gamma=gamma)
    value = smooth_l1(step)
    assert loss == pytest.approx(0.5 * value if target else value, abs=1e-6)
    assert gradient == pytest.approx(-0.5 * step if target else -step, abs=1e-5)


def test_confidence_shares_the_width():
    background = confidence(0.3, 0.0, logs2=1.2)
    assert background == confidence(0.3, 0.0, logs2=0.0)
    loss = smooth_l1(focal_step(0.3, 1.0))
    assert confidence(0.3, 1.0, logs2=1.2)[0] == pytest.approx(0.5 * loss * math.exp(-1.2) + 0.6, abs=1e-6)


def test_ignored_confidence():
    assert confidence(0.3, NAN) == (0.0, 0.0)


def test_focal_alpha():
    assert confidence(-0.5, 1.0, focal_alpha=0.25)[1] == pytest.approx(0.5 * confidence(-0.5, 1.0)[1])


def test_background_clamp():
    assert confidence(-15.5, 0.0)[1] == 0.0
    assert confidence(-14.5, 0.0)[1] > 0.0
    assert confidence(-14.5, 0.0, bce_background_clamp=-14.0) == (0.0, 0.0)
    assert confidence(-15.5, 1.0)[1] < 0.0  # only the background


def test_bce_soft_clamp():
    step = focal_step(8.0, 0.0, alpha=20.0)
    loss, gradient = confidence(8.0, 0.0, focal_alpha=20.0)
    assert loss == pytest.approx(clamped(smooth_l1(step), 5.0), rel=1e-4)
    assert 0.0 < gradient < 0.1
    assert confidence(8.0, 0.0, focal_alpha=20.0, bce_soft_clamp=100.0)[0] == pytest.approx(smooth_l1(step), rel=1e-4)


def regression(xy, target, bmin=0.3, sigma=0.7, logs2=0.4, **options):
    inputs = [torch.tensor([value], requires_grad=True) for value in (*xy, logs2)]
    loss = regression_loss(
        inputs[:2],
        [torch.tensor([value]) for value in target],
        torch.tensor([bmin]),
        torch.tensor([sigma]),
        inputs[2],
        options=LossOptions(**options),
    )
    loss.sum().backward()
    return loss.item(), [value.grad.item() for value in inputs]


def laplace(distance, logs2=0.4):
    log_b = 0.5 * logs2 + 0.69314
    return distance * math.exp(-log_b) + log_b


def test_regression():
    loss, gradient = regression((1.0, 2.0), (0.5, 1.0))
    distance = math.sqrt(0.25 + 1.0 + 0.09) / 0.7
    assert loss == pytest.approx(laplace(distance))
    assert gradient[1] == pytest.approx(2.0 * gradient[0])
    assert gradient[2] == pytest.approx(0.5 * (1.0 - distance * math.exp(-0.2 - 0.69314)), abs=1e-6)


def test_regression_without_bmin_assumes_a_tenth_of_a_cell():
    assert regression((1.0, 2.0), (1.0, 2.0), bmin=NAN)[0] == pytest.approx(laplace(0.1 / 0.7))


@pytest.mark.parametrize('target', [(NAN, 1.0), (1.0, NAN), (NAN, NAN), (math.inf, 1.0)])
def test_regression_without_target(target):
    assert regression((1.0, 2.0), target, bmin=NAN, sigma=NAN) == (0.0, [0.0, 0.0, 0.0])


def test_a_perfect_regression_has_a_gradient():
    assert regression((1.0, 2.0), (1.0, 2.0), bmin=0.0)[1][:2] == [0.0, 0.0]


def test_regression_soft_clamp():
    distance = math.sqrt(25.0 + 0.09) / 0.7
    assert regression((5.0, 0.0), (0.0, 0.0))[0] == pytest.approx(laplace(clamped(distance, 5.0)))
    assert regression((5.0, 0.0), (0.0, 0.0), regression_soft_clamp=50.0)[0] == pytest.approx(laplace(distance))


def scale(x, target, **options):
    x = torch.tensor([x], requires_grad=True)
    loss = scale_loss(x, torch.tensor([target]), options=LossOptions(**options))
    loss.sum().backward()
    return loss.item(), x.grad.item()


@pytest.mark.parametrize('x', [-3.0, 0.5, 4.0, 30.0])
def test_scale(x):
    error = abs(softplus(x) - 1.5) / 1.6
    assert scale(x, 1.5)[0] == pytest.approx(smooth_l1(clamped(error, 5.0)), rel=1e-5)
    assert scale(x, 1.5, b_scale=10.0)[0] == pytest.approx(smooth_l1(error / 10.0), rel=1e-5)
    assert scale(x, 1.5, scale_soft_clamp=0.2)[0] == pytest.approx(smooth_l1(clamped(error, 0.2)), rel=1e-5)


@pytest.mark.parametrize('x', [-3.0, 0.5, 4.0])
def test_scale_log(x):
    error = abs(math.log(softplus(x)) - math.log(1.5))
    assert scale(x, 1.5, scale_log=True)[0] == pytest.approx(smooth_l1(error), rel=1e-5)
    assert scale(x, 1.5, scale_log=True, b_scale=2.0)[0] == pytest.approx(smooth_l1(error / 2.0), rel=1e-5)


def test_scale_log_of_a_scale_that_vanishes():
    """softplus(-200) is 0 in float32; its logarithm is -200 nevertheless, and pulls back."""
    loss, gradient = scale(-200.0, 1.0, scale_log=True, scale_soft_clamp=1000.0)
    assert loss == pytest.approx(199.5)
    assert gradient == pytest.approx(-1.0)


def test_scale_without_target():
    assert scale(1.0, NAN) == (0.0, 0.0)
    assert scale(1.0, NAN, scale_log=True) == (0.0, 0.0)


def test_soft_clamp_without_limit():
    x = torch.tensor([0.0, 3.0, 1e6], requires_grad=True)
    loss = soft_clamp(x, math.inf)
    loss.sum().backward()
    assert torch.equal(loss, x)
    assert x.grad.tolist() == [1.0, 1.0, 1.0]

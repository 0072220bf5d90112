import math

import fake_training as fake
import pytest
import torch

from pifpaf_core.losses import LossOptions, MultiHeadLoss
from pifpaf_core.training import optimizer
from pifpaf_core.training.clipping import Clipping
from pifpaf_core.training.ema import ExponentialMovingAverage
from pifpaf_core.training.objective import Objective, SpeedOptions
from pifpaf_core.training.optimizer import OptimizerOptions
from pifpaf_core.training.update import Update


def make(precision='float32'):
    torch.manual_seed(0)
    net = fake.network()
    objective = Objective(
        net, MultiHeadLoss(net.metas, LossOptions()), SpeedOptions(precision=precision), torch.device('cpu')
    )
    sgd = optimizer.build([objective], OptimizerOptions(), lr=0.1)
    return Update(objective, sgd, Clipping(), ExponentialMovingAverage(net, decay=0.9)), net


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()]).clone()


def loss(net, factor=1.0):
    return factor * sum(p.square().sum() for p in net.parameters())


def test_a_scaled_step_is_the_plain_one():
    results = []
    for precision in ('float32', 'float16'):
        update, net = make(precision)
        update.backward(loss(net))
        update.apply(0.1)
        results.append((weights(net), update.clipping.norm, update.ema.steps))
    (a, norm, steps), (b, scaled_norm, scaled_steps) = results
    assert torch.allclose(a, b, rtol=1e-6) and norm == pytest.approx(scaled_norm) and steps == scaled_steps == 1


def test_an_overflow_leaves_the_step_out_and_scales_less_from_then_on():
    update, net = make('float16')
    before, scale = weights(net), update.state_dict()['scaler']['scale']
    update.backward(loss(net, math.inf))
    update.apply(0.1)
    assert torch.equal(before, weights(net)) and update.ema.steps == 0 and update.clipping.norm is None
    state = update.state_dict()
    assert state['scaler']['scale'] == scale / 2
    other, _ = make('float16')
    other.load_state_dict(state)
    assert other.state_dict()['scaler'] == state['scaler']


def test_without_float16_nothing_is_scaled():
    update, _ = make('bfloat16')
    assert update.state_dict()['scaler'] == {}
    other, _ = make('float16')
    start = other.state_dict()['scaler']
    other.load_state_dict(update.state_dict())  # a training that changes its precision
    assert other.state_dict()['scaler'] == start


def test_discarded_gradients_do_nothing():
    update, net = make()
    update.backward(loss(net, 7.0))
    update.discard()
    update.backward(loss(net))
    update.apply(0.1)
    other, expected = make()
    other.backward(loss(expected))
    other.apply(0.1)
    assert torch.equal(weights(net), weights(expected))

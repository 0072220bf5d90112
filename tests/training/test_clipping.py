import pytest
import torch
from torch import nn

from pifpaf_core.training.clipping import Clipping


def parameters(*gradients):
    made = []
    for gradient in gradients:
        parameter = nn.Parameter(torch.zeros(len(gradient)))
        parameter.grad = torch.tensor(gradient)
        made.append(parameter)
    return made


def test_value_limits_each_element():
    ps = parameters([1.0, -30.0], [5.0])
    Clipping(value=10.0)(ps, lr=0.1)
    assert ps[0].grad.tolist() == [1.0, -10.0]
    assert ps[1].grad.tolist() == [5.0]


def test_change_limits_learning_rate_times_gradient():
    ps = parameters([1.0, -30.0], [5.0])
    clipping = Clipping(change=0.3)
    clipping(ps, lr=0.1)
    assert ps[0].grad.tolist() == pytest.approx([0.1, -3.0], rel=1e-5)
    assert ps[1].grad.tolist() == pytest.approx([0.5], rel=1e-5)
    assert (clipping.n_clipped, clipping.max_norm) == (1, 30.0)
    clipping(parameters([1.0]), lr=0.1)
    assert (clipping.n_clipped, clipping.max_norm) == (1, 30.0)


def test_off_by_default():
    ps = parameters([1e9])
    Clipping()(ps, lr=0.1)
    assert ps[0].grad.tolist() == [1e9]


def test_counts_survive_and_reset():
    clipping = Clipping(change=0.1)
    clipping(parameters([9.0]), lr=0.1)
    other = Clipping(change=0.1)
    other.load_state_dict(clipping.state_dict())
    assert (other.n_clipped, other.max_norm) == (1, 9.0)
    other.reset()
    assert (other.n_clipped, other.max_norm) == (0, 0.0)

import pytest
import torch
from torch import nn

from pifpaf_core.training import optimizer
from pifpaf_core.training.optimizer import OptimizerOptions


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def step(net, options, *, lr=0.1, steps=1):
    made = optimizer.build([net], options, lr=lr)
    for _ in range(steps):
        for parameter in net.parameters():
            parameter.grad = torch.zeros_like(parameter)
        made.step()
    return made


def test_default_is_nesterov_sgd():
    made = optimizer.build([model()], OptimizerOptions(), lr=0.1)
    assert isinstance(made, torch.optim.SGD)
    assert all(g['nesterov'] and g['momentum'] == 0.9 and g['lr'] == 0.1 for g in made.param_groups)


def test_no_nesterov_and_no_momentum():
    made = optimizer.build([model()], OptimizerOptions(nesterov=False), lr=0.1)
    assert not made.param_groups[0]['nesterov']
    made = optimizer.build([model()], OptimizerOptions(momentum=0.0), lr=0.1)
    assert not made.param_groups[0]['nesterov']


@pytest.mark.parametrize(('options', 'amsgrad'), [({'adam': True}, False), ({'amsgrad': True}, True)])
def test_adam(options, amsgrad):
    made = optimizer.build([model()], OptimizerOptions(**options, momentum=0.8, beta2=0.95, adam_eps=1e-3), lr=0.1)
    assert isinstance(made, torch.optim.Adam)
    assert all((g['betas'], g['eps'], g['amsgrad']) == ((0.8, 0.95), 1e-3, amsgrad) for g in made.param_groups)


def test_weight_decay_spares_biases_and_normalization():
    net = model()
    nn.init.constant_(net[1].weight, 1.0)
    before = {name: p.clone() for name, p in net.named_parameters()}
    step(net, OptimizerOptions(momentum=0.0, weight_decay=0.5))
    for name, p in net.named_parameters():
        decayed = p.ndim > 1
        assert torch.allclose(p, before[name] * (0.95 if decayed else 1.0)), name


def test_weight_decay_all_is_the_old_behaviour():
    net = model()
    before = {name: p.clone() for name, p in net.named_parameters()}
    step(net, OptimizerOptions(momentum=0.0, weight_decay=0.5, weight_decay_all=True))
    for name, p in net.named_parameters():
        assert torch.allclose(p, before[name] * 0.95), name


def test_no_decay_by_default():
    net = model()
    before = [p.clone() for p in net.parameters()]
    step(net, OptimizerOptions())
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_parameters_of_all_modules_are_trained():
    loss = nn.ParameterList([nn.Parameter(torch.zeros(6))])
    made = optimizer.build([model(), loss], OptimizerOptions(), lr=0.1)
    assert any(p is loss[0] for group in made.param_groups for p in group['params'])


def test_restore_keeps_what_was_accumulated_and_takes_new_settings():
    net = model()
    made = optimizer.build([net], OptimizerOptions(), lr=0.1)
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    made.step()
    state = made.state_dict()
    fresh = optimizer.build([net], OptimizerOptions(momentum=0.5, weight_decay_all=True, weight_decay=0.25), lr=0.3)
    optimizer.restore(fresh, state)
    assert all(g['momentum'] == 0.5 and g['weight_decay'] == 0.25 and g['lr'] == 0.3 for g in fresh.param_groups)
    old, new = made.state_dict()['state'], fresh.state_dict()['state']
    assert old.keys() == new.keys()
    assert all(torch.equal(old[i]['momentum_buffer'], new[i]['momentum_buffer']) for i in old)


def test_set_learning_rate():
    made = optimizer.build([model()], OptimizerOptions(), lr=0.1)
    optimizer.set_learning_rate(made, 0.025)
    assert [g['lr'] for g in made.param_groups] == [0.025, 0.025]


@pytest.mark.parametrize(
    ('options', 'named'),
    [({'momentum': 1.0}, '--momentum'), ({'beta2': -0.1}, '--beta2'), ({'weight_decay': -1.0}, '--weight-decay')],
)
def test_bad_options(options, named):
    with pytest.raises(ValueError, match=named):
        OptimizerOptions(**options)

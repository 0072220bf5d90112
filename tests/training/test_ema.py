import pytest
import torch
from torch import nn

from pifpaf_core.training.ema import ExponentialMovingAverage


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def change(net, value):
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.fill_(value)


def test_decay_warms_up():
    net = model()
    change(net, 0)
    ema = ExponentialMovingAverage(net, decay=0.99)
    expected = 0.0
    for n in range(1, 1200):
        change(net, n)
        ema.update()
        decay = min(0.99, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
        if n in (1, 2, 10, 1199):
            average = ema.state_dict()['average']
            assert float(average['0.weight'][0, 0, 0, 0]) == pytest.approx(expected, rel=1e-5)
            assert float(average['1.running_mean'][0]) == pytest.approx(expected, rel=1e-5)
            assert int(average['1.num_batches_tracked']) == n


def test_no_decay_is_the_network_itself():
    net = model()
    ema = ExponentialMovingAverage(net, decay=0.0)
    with torch.no_grad():
        net[0].weight.normal_()
    ema.update()
    assert torch.equal(ema.state_dict()['average']['0.weight'], net[0].weight)


def test_applied_and_undone_exactly_even_if_the_block_changes_statistics():
    net = model()
    ema = ExponentialMovingAverage(net, decay=0.99)
    average = {k: v.clone() for k, v in ema.state_dict()['average'].items()}
    with torch.no_grad():
        net[0].weight.normal_()
    own = {k: v.clone() for k, v in net.state_dict().items()}
    with ema.applied():
        assert all(torch.equal(v, average[k]) for k, v in net.state_dict().items())
        net(torch.randn(5, 3, 2, 2))  # moves the running statistics
        assert not torch.equal(net[1].running_mean, average['1.running_mean'])
    assert all(torch.equal(v, own[k]) for k, v in net.state_dict().items())
    assert all(torch.equal(v, average[k]) for k, v in ema.state_dict()['average'].items())


def test_network_is_restored_after_an_error():
    net = model()
    ema = ExponentialMovingAverage(net, decay=0.99)
    change(net, 7)
    with pytest.raises(RuntimeError), ema.applied():
        raise RuntimeError
    assert float(net[0].weight.detach().mean()) == 7.0


def test_state_continues():
    net = model()
    first = ExponentialMovingAverage(net, decay=0.99)
    change(net, 3)
    first.update()
    second = ExponentialMovingAverage(net, decay=0.99)
    second.load_state_dict(first.state_dict())
    change(net, 5)
    first.update()
    second.update()
    assert second.steps == 2
    for name, value in first.state_dict()['average'].items():
        assert torch.equal(value, second.state_dict()['average'][name])

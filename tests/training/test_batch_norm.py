import pytest
import torch
from torch import nn

from pifpaf_core.training import batch_norm


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, eps=1e-4, momentum=0.01), nn.Dropout(0.5))


def batches(n):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(6, 3, 5, 5, generator=generator) * (i + 1) for i in range(n)]


def test_statistics_are_those_of_all_batches_together():
    net, data = model(), batches(3)
    features = net[0](torch.cat(data))
    batch_norm.recalibrate(net, data, net)
    assert torch.allclose(net[1].running_mean, features.mean((0, 2, 3)), atol=1e-6)
    assert torch.allclose(net[1].running_var, features.var((0, 2, 3)), rtol=1e-5)


def test_each_layer_sees_what_evaluation_will_give():
    """Evaluation of the batches normalizes their features exactly, in a layer behind a layer too."""
    torch.manual_seed(0)
    block = [nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU()]
    net = nn.Sequential(*block, nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, affine=False))
    data = batches(3)
    batch_norm.recalibrate(net, data, net)
    out = net.eval()(torch.cat(data))
    assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(3), atol=5e-3)
    assert torch.allclose(out.std((0, 2, 3)), torch.ones(3), rtol=5e-3)


def test_sizes_are_averaged():
    net, data = model(), batches(2)
    data[1] = data[1][..., :3]
    features = [net[0](batch) for batch in data]
    batch_norm.recalibrate(net, data, net)
    mean = torch.stack([f.mean((0, 2, 3)) for f in features]).mean(0)
    assert torch.allclose(net[1].running_mean, mean, atol=1e-6)


def test_repeatable_and_independent_of_old_statistics():
    a, b = model(), model()
    b[1].running_mean.fill_(100.0)
    batch_norm.recalibrate(a, batches(2), a)
    batch_norm.recalibrate(b, batches(2), b)
    batch_norm.recalibrate(b, batches(2), b)
    assert torch.equal(a[1].running_mean, b[1].running_mean)


def test_modes_and_momentum_return_even_after_an_error():
    net = model()
    net[0].eval()
    with pytest.raises(RuntimeError):
        batch_norm.recalibrate(net, [torch.randn(2, 7, 5, 5)], net)
    assert [module.training for module in net.modules()] == [True, False, True, True]
    assert net[1].momentum == 0.01


def test_nothing_to_learn_from_leaves_the_statistics():
    net = model()
    net[1].running_mean.fill_(3.0)
    batch_norm.recalibrate(net, [], net)
    assert float(net[1].running_mean[0]) == 3.0


def test_dropout_is_off_meanwhile():
    net, seen = model(), []
    net[2].register_forward_hook(lambda module, inputs, output: seen.append(torch.equal(inputs[0], output)))
    batch_norm.recalibrate(net, batches(1), net)
    assert seen == [True]


def test_fix_stops_the_statistics_until_train():
    net = model()
    batch_norm.fix(net)
    before = net[1].running_mean.clone()
    net(batches(1)[0])
    assert torch.equal(net[1].running_mean, before)
    assert net[2].training
    net.train()
    net(batches(1)[0])
    assert not torch.equal(net[1].running_mean, before)


def test_smallest_eps():
    assert batch_norm.smallest_eps(nn.Sequential(nn.BatchNorm2d(2, eps=1e-3), nn.BatchNorm2d(2, eps=1e-4))) == 1e-4
    assert batch_norm.smallest_eps(nn.Conv2d(1, 1, 1)) is None

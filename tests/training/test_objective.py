import os

import fake_training as fake
import pytest
import torch

from pifpaf_core.losses import LossOptions, MultiHeadLoss
from pifpaf_core.training.objective import Objective, SpeedOptions, prepare_torch


def make(**options):
    torch.manual_seed(0)
    net = fake.network()
    loss = MultiHeadLoss(net.metas, LossOptions())
    return Objective(net, loss, SpeedOptions(**options), torch.device('cpu')), fake.RandomLoader(net).batch(0, 0)


def test_loss_of_normalized_images():
    objective, batch = make(channels_last=False)
    total, components = objective(batch.images, batch.targets)
    raws = objective.network(objective.network.normalize(batch.images))
    expected, expected_components = objective.loss(raws, batch.targets)
    assert torch.equal(total, expected)
    assert len(components) == len(expected_components) == len(objective.loss.field_names) == 6


def test_channels_last_changes_the_layout_and_not_the_result():
    first, batch = make(channels_last=False)
    last, _ = make()
    weight = last.network.base_net.down[1][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    assert first.network.base_net.down[1][0].weight.is_contiguous()
    seen = []
    last.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    a, b = first(batch.images, batch.targets)[0], last(batch.images, batch.targets)[0]
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert float(a.detach()) == pytest.approx(float(b.detach()), rel=1e-4)


def test_bfloat16_network_and_float32_loss():
    objective, batch = make(precision='bfloat16')
    assert {raw.dtype for raw in objective.raw_fields(batch.images)} == {torch.bfloat16}
    total, _ = objective(batch.images, batch.targets)
    assert total.dtype == torch.float32
    total.backward()
    assert {p.grad.dtype for p in objective.network.parameters()} == {torch.float32}


@pytest.mark.parametrize('precision', ['auto', 'float32'])
def test_the_cpu_computes_in_float32(precision):
    objective, batch = make(precision=precision)
    assert {raw.dtype for raw in objective.raw_fields(batch.images)} == {torch.float32}


def test_compile_gives_the_same_loss(monkeypatch):
    monkeypatch.setattr('torch._dynamo.config.cache_size_limit', 8)
    plain, batch = make()
    compiled = []
    original = torch.compile

    def traced(function, *args, **kwargs):  # traced as ever, but with no need of a C++ compiler
        compiled.append(function)
        return original(function, backend='eager')

    monkeypatch.setattr(torch, 'compile', traced)
    objective, _ = make(compile=True)
    assert compiled
    assert list(objective.network.state_dict()) == list(plain.network.state_dict())
    a, b = plain(batch.images, batch.targets)[0], objective(batch.images, batch.targets)[0]
    assert float(a.detach()) == pytest.approx(float(b.detach()), rel=1e-5)


def test_prepare_torch(monkeypatch):
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    benchmark = torch.backends.cudnn.benchmark
    try:
        prepare_torch(SpeedOptions(deterministic=True), seed=3)
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
        assert os.environ['CUBLAS_WORKSPACE_CONFIG']
        first = torch.rand(1)
        prepare_torch(SpeedOptions(), seed=3)
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.benchmark
        assert torch.equal(torch.rand(1), first)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = benchmark
        os.environ.pop('CUBLAS_WORKSPACE_CONFIG', None)

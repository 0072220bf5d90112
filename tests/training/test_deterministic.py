"""``--deterministic``: two runs give the same bits."""

import fake_training as fake
import pytest
import torch

from pifpaf_core.training.distributed import World
from pifpaf_core.training.objective import SpeedOptions


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # sums over threads could come in any order
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize('device', ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)])
def test_two_runs_are_bit_identical(tmp_path, threads, device):
    world = World(device=torch.device(device))
    options = {'epochs': 2, 'dropout': 0.3, 'datasets': ('one', 'two'), 'speed': SpeedOptions(deterministic=True)}
    first, second = (fake.make_trainer(tmp_path / name, world=world, **options) for name in 'ab')
    assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark
    first.fit()
    second.fit()
    fake.assert_same(fake.weights(first), fake.weights(second))
    a, b = (tmp_path / f'{name}.epoch002.safetensors' for name in 'ab')
    assert a.read_bytes() == b.read_bytes()


def test_without_it_the_fastest_algorithms_are_used(tmp_path):
    fake.make_trainer(tmp_path / 'run')
    assert not torch.are_deterministic_algorithms_enabled() and torch.backends.cudnn.benchmark

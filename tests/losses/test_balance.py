"""Auto-tuned weights: formulas, states, several processes."""

import math
import socket

import pytest
import torch
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

from pifpaf_core.losses import LossOptions, MultiHeadLoss
from pifpaf_core.losses.balance import KendallBalance, VarianceBalance

ALL = torch.tensor([True, True, True])


def test_kendall():
    balance = KendallBalance(['d.cif.c', 'd.cif.vec', 'd.cif.scales'])
    balance.log_sigmas.data.copy_(torch.tensor([0.5, 0.5, -2.0]))
    s = [3.0 * math.tanh(value / 3.0) for value in (0.5, 0.5, -2.0)]
    expected = [0.919 + s[0] + 0.5 * 7.0 * math.exp(-2.0 * s[0]), 5.0, 0.694 + s[2] + 3.0 * math.exp(-s[2])]
    assert balance(torch.tensor([7.0, 5.0, 3.0]), ALL).tolist() == pytest.approx(expected)
    assert balance.sigmas() == pytest.approx([math.exp(0.5), math.exp(0.5), math.exp(-2.0)])


def test_kendall_starts_at_one_and_learns():
    balance = KendallBalance(['d.cif.c', 'd.cif.vec', 'd.cif.scales'])
    assert balance.sigmas() == [1.0, 1.0, 1.0]
    balance(torch.tensor([7.0, 5.0, 3.0]), ALL).sum().backward()
    assert balance.log_sigmas.grad[0] < 0.0  # a large loss: more uncertain
    assert balance.log_sigmas.grad[1] == 0.0


def feed(balance, values, present=ALL):
    for row in values:
        terms = balance(torch.as_tensor(row, dtype=torch.float32), present)
    return terms


def test_variance():
    values = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 0.001]) + 20.0
    balance = VarianceBalance(3)
    feed(balance, values)
    spread = values[7:].double().std(dim=0, correction=0).clamp(0.01, 100.0)
    expected = spread * (1.0 / spread).mean()
    assert balance.sigmas() == pytest.approx(expected.tolist(), rel=1e-4)
    assert sum(1.0 / sigma for sigma in balance.sigmas()) / 3 == pytest.approx(1.0)


@pytest.mark.parametrize(('n', 'tuned'), [(52, False), (53, True)])
def test_variance_needs_53_values(n, tuned):
    balance = VarianceBalance(3)
    terms = feed(balance, [[20.0 + i % 2, 20.0 + 5 * (i % 2), 20.0] for i in range(n)])
    assert (balance.sigmas() != [1.0, 1.0, 1.0]) is tuned
    assert (terms.tolist() != [20.0 + (n - 1) % 2, 20.0 + 5 * ((n - 1) % 2), 20.0]) is tuned


def test_variance_of_a_component_that_is_often_absent():
    """It keeps its own count, so that 53 values are 53 of its own."""
    balance = VarianceBalance(3)
    absent = torch.tensor([True, True, False])
    feed(balance, [[20.0 + i % 2, 21.0, 0.0] for i in range(60)], present=absent)
    assert balance.count.tolist() == [60, 60, 0]
    assert balance.sigmas()[2] > balance.sigmas()[0]


def test_validation_is_not_remembered():
    balance = VarianceBalance(3)
    feed(balance, torch.randn(60, 3) + torch.tensor([1.0, 2.0, 3.0]))
    before = {name: tensor.clone() for name, tensor in balance.state_dict().items()}
    balance.eval()
    feed(balance, torch.randn(5, 3) * 1000.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in balance.state_dict().items())


def test_variance_resumes_from_its_state():
    values = torch.randn(70, 3) * torch.tensor([1.0, 2.0, 3.0])
    whole, first, second = VarianceBalance(3), VarianceBalance(3), VarianceBalance(3)
    feed(whole, values)
    feed(first, values[:40])
    second.load_state_dict(first.state_dict())
    feed(second, values[40:])
    assert second.sigmas() == whole.sigmas()


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


class Step(torch.nn.Module):
    """A network that is just an offset to the raw fields, together with its loss."""

    def __init__(self, metas, options):
        super().__init__()
        self.offset = torch.nn.Parameter(torch.zeros(1))
        self.loss = MultiHeadLoss(metas, options)

    def forward(self, raws, targets):
        return self.loss([raw + self.offset for raw in raws], targets)[0]


def one_process(rank, port, metas, batches, results):
    """Train a few steps with either tuning, and tell what came out."""
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2)
    outcome = []
    for tuning in ('auto_tune_mtl', 'auto_tune_mtl_variance'):
        step = DistributedDataParallel(Step(metas, LossOptions(**{tuning: True})))
        optimizer = torch.optim.SGD(step.parameters(), lr=1e-4)
        for raws, targets in batches[rank]:
            optimizer.zero_grad()
            step(raws, targets).backward()
            optimizer.step()
        loss = step.module.loss
        outcome.append((loss.sigmas(), [tensor.tolist() for tensor in loss.state_dict().values()]))
    results.put(outcome)
    distributed.destroy_process_group()


def test_two_processes_tune_alike(cif, caf, example):
    """They see different images and end with the same uncertainties, and the same values to remember."""
    seeds = (0, 1), (2, 3)
    batches = [[tuple(zip(example(cif, s), example(caf, s), strict=True)) for s in one] for one in seeds]
    context = multiprocessing.get_context('fork')
    results, port = context.SimpleQueue(), free_port()
    processes = [
        context.Process(target=one_process, args=(rank, port, [cif, caf], batches, results)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    one, other = results.get(), results.get()
    assert one == other
    learned, (_, (history, *_)) = one[0][0], one[1]
    assert len({round(sigma, 6) for sigma in learned}) > 1
    assert all(row[0] != row[1] for row in history)

import pytest
import torch

from pifpaf_core.training.distributed import World
from pifpaf_core.training.measures import LossMeter, Throughput, timed


def losses(*values):
    return [None if v is None else torch.tensor(v) for v in values]


def test_means_count_only_what_was_there():
    meter = LossMeter(3, torch.device('cpu'))
    meter.add(torch.tensor(6.0), losses(1.0, None, 5.0))
    meter.add(torch.tensor(2.0), losses(2.0, None, None))
    assert meter.means(World()) == (4.0, [1.5, None, 5.0])


def test_nothing_yet():
    assert LossMeter(1, torch.device('cpu')).means(World()) == (None, [None])


def test_state_continues_exactly():
    one, two = (LossMeter(1, torch.device('cpu')) for _ in range(2))
    one.add(torch.tensor(0.1), losses(0.1))
    two.restore(one.state(World()), World())
    for meter in (one, two):
        meter.add(torch.tensor(0.7), losses(0.2))
    assert torch.equal(one.state(World()), two.state(World()))


def test_another_number_of_processes_shares_the_sum():
    state = torch.arange(8, dtype=torch.float64).reshape(2, 2, 2)  # of two processes
    meters = [LossMeter(1, torch.device('cpu')) for _ in range(3)]
    for rank, meter in enumerate(meters):
        meter.restore(state, World(rank=rank, size=3))
    assert torch.equal(sum(meter.state(World())[0] for meter in meters), state.sum(0))


def test_throughput(monkeypatch):
    now = [100.0]
    monkeypatch.setattr('time.perf_counter', lambda: now[0])
    rate = Throughput()
    rate.count(8, waited=1.0)
    rate.count(8, waited=0.0)
    now[0] += 4.0
    assert rate.rates() == {'images_per_second': 4.0, 'data_wait': 0.25}
    assert rate.per_batch() == {'time': 1.5, 'data_time': 0.5}
    rate.reset()
    now[0] += 2.0
    assert rate.rates() == {'images_per_second': 0.0, 'data_wait': 0.0}


def test_timed_measures_waiting_only(monkeypatch):
    now = [0.0]
    monkeypatch.setattr('time.perf_counter', lambda: now[0])

    def slow():
        for i in range(2):
            now[0] += 3.0
            yield i

    seen = []
    for item, waited in timed(slow()):
        now[0] += 50.0
        seen.append((item, waited))
    assert seen == [(0, pytest.approx(3.0)), (1, pytest.approx(3.0))]

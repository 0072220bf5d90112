import random

import pytest

from pifpaf_core.training.health import LEAST, WINDOW, LossWatch


def feed(watch, losses, dataset='one'):
    return [watch(loss, dataset=dataset, place='here') for loss in losses]


def noise(n, *, level=100.0, seed=0):
    generator = random.Random(seed)
    return [generator.gauss(level, 5.0) for _ in range(n)]


def test_a_jump_is_told_once_in_a_window_with_place_and_level(caplog):
    watch = LossWatch()
    assert not any(feed(watch, noise(50)))
    assert feed(watch, [900.0, 950.0, *noise(WINDOW - 3)]) == [True] + [False] * (WINDOW - 2)
    assert feed(watch, [900.0, 900.0]) == [False, True]
    assert len(caplog.records) == 2
    assert '900 at here (one), where the median of the last 50 batches is ' in caplog.records[0].message


@pytest.mark.parametrize(
    'losses',
    [
        noise(500),
        [1000.0 * 0.99**i for i in range(500)],
        [-100.0 - i / 10 for i in range(300)],
        [5.0] * 50 + [6.0] * 50,
        [1.0] * (LEAST - 1) + [1e9],
        [random.Random(i).expovariate(1.0) + 10.0 for i in range(500)],
    ],
    ids=['noise', 'falling', 'below zero', 'a step up', 'too early', 'crowds'],
)
def test_what_is_no_jump(losses):
    assert not any(feed(LossWatch(), losses))


def test_each_data_set_has_its_own_level():
    watch = LossWatch()
    for i in range(40):
        assert not watch(100.0 + i % 3, dataset='one', place='')
        assert not watch(1e5 + i % 3, dataset='two', place='')
    assert watch(1e5, dataset='one', place='')


def test_a_restored_watch_judges_like_the_first():
    first, second = LossWatch(), LossWatch()
    feed(first, [*noise(60), 900.0])
    second.load_state_dict(first.state_dict())
    rest = [*noise(150, seed=1), 900.0, 900.0]
    assert feed(first, rest) == feed(second, rest)
    assert first.state_dict() == second.state_dict()

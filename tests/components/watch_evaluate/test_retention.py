import pytest

from components.runtime.claims import Claims
from components.watch_evaluate.retention import removable
from components.watch_evaluate.watch import Watching


@pytest.fixture
def can_go(run, tmp_path):
    """``can_go({5: 0.2, 10: None}, keep=1)``: epochs with their AP, None for not evaluated yet; which may go."""

    def ask(epochs, *, keep, pattern='*[05]', claimed=()):
        for epoch, ap in epochs.items():
            weights = tmp_path / f'w{epoch}'
            weights.write_text(str(epoch))
            run.commit_checkpoint(epoch, weights)
            if ap is not None:
                run.record_evaluation(epoch, {'metrics': {'AP': ap}})
        claims = Claims(run.store, 'me', expires=60.0)
        for epoch in claimed:
            claims.take(epoch)
        return removable(run, Watching(pattern), claims, keep=keep)

    return ask


@pytest.mark.parametrize(
    ('epochs', 'keep', 'gone'),
    [
        ({}, 1, []),
        ({5: 0.2, 10: 0.6, 15: 0.4}, 1, [5]),
        ({5: 0.2, 10: 0.6, 15: 0.4}, 2, [5]),
        ({5: 0.6, 10: 0.2, 15: 0.4}, 1, [10]),
        ({5: 0.6, 10: 0.2, 15: None}, 1, [10]),
        ({5: 0.5, 10: 0.5, 15: 0.1, 20: 0.1}, 1, [5, 15]),
        ({5: None, 10: None, 15: None}, 1, []),
        ({1: None, 2: None, 5: 0.1, 6: None}, 1, [1, 2]),
        ({5: 0.1, 10: 0.2}, 5, []),
    ],
)
def test_what_may_go(can_go, epochs, keep, gone):
    assert can_go(epochs, keep=keep) == gone


def test_what_somebody_evaluates_stays(can_go):
    assert can_go({1: None, 2: None, 3: None}, keep=1, claimed=[1]) == [2]

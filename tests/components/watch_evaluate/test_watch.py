"""Watching a run in the store: with evaluations that only write a result, and a clock that costs nothing."""

import threading
import time

import pytest

from components.runtime.claims import ClaimLostError, Claims
from components.runtime.run_folder import CANCELED, SUCCEEDED
from components.watch_evaluate.watch import TrainingLostError, Watching, watch

QUICK = Watching('*', poll=0.02, lost_after=60.0, claim_expires=60.0)


@pytest.fixture
def commit(run, tmp_path):
    """``commit(5)``: the checkpoint of an epoch."""

    def make(*epochs):
        for epoch in epochs:
            weights = tmp_path / f'w{epoch}'
            weights.write_text(str(epoch))
            run.commit_checkpoint(epoch, weights)

    return make


@pytest.fixture
def evaluated():
    """Epochs in the order of their evaluation."""
    return []


@pytest.fixture
def evaluate(run, evaluated):
    def one(epoch, keep_claim):
        keep_claim()
        evaluated.append(epoch)
        run.record_evaluation(epoch, {'metrics': {'AP': 0.0}})

    return one


def nothing():
    pass


@pytest.mark.parametrize(
    ('pattern', 'taken'), [('*[05]', [5, 10, 100]), ('*', [1, 5, 10, 99, 100]), ('1??', [100]), ('010', [10])]
)
def test_epochs_match_by_their_three_digits(run, commit, evaluate, evaluated, pattern, taken):
    commit(0, 1, 5, 10, 99, 100)
    run.end(SUCCEEDED)
    watch(run, Watching(pattern, poll=0.01), evaluate, after_look=nothing)
    assert evaluated == taken


def test_epoch_0_is_taken_when_asked_for(run, commit, evaluate, evaluated):
    commit(0)
    run.end(SUCCEEDED)
    watch(run, Watching('*', skip_epoch0=False), evaluate, after_look=nothing)
    assert evaluated == [0]


def test_checkpoints_are_evaluated_while_training_writes_them(run, commit, evaluate, evaluated):
    def train():
        for epoch in (5, 10, 15):
            run.beat()
            commit(epoch)
            while epoch not in evaluated:  # the evaluator does not wait for the end
                time.sleep(0.005)
        run.end(SUCCEEDED)

    training = threading.Thread(target=train)
    training.start()
    looks = []
    watch(run, QUICK, evaluate, after_look=lambda: looks.append(1))
    training.join()
    assert evaluated == [5, 10, 15]
    assert looks


def test_two_evaluators_share_the_work(run, commit, evaluate, evaluated):
    commit(*range(1, 21))
    run.end(SUCCEEDED)
    both = [
        threading.Thread(target=watch, args=(run, QUICK, evaluate), kwargs={'after_look': nothing}) for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(evaluated) == list(range(1, 21))


def test_what_was_evaluated_before_is_not_evaluated_again(run, commit, evaluate, evaluated):
    commit(5, 10)
    run.record_evaluation(5, {'metrics': {}})
    run.end(SUCCEEDED)
    watch(run, QUICK, evaluate, after_look=nothing)
    assert evaluated == [10]


def test_the_epoch_of_a_dead_evaluator_is_taken_over(run, commit, evaluate, evaluated):
    commit(5)
    Claims(run.store, 'dead', expires=60.0).take(5)
    run.end(SUCCEEDED)
    watch(run, Watching('*', poll=0.01, claim_expires=0.2), evaluate, after_look=nothing)
    assert evaluated == [5]


def test_an_evaluation_that_fails_frees_its_claim(run, commit):
    commit(5)

    def fail(epoch, keep_claim):
        raise OSError('disk full')

    with pytest.raises(OSError, match='disk full'):
        watch(run, QUICK, fail, after_look=nothing)
    assert run.claims(expires=60.0).take(5) is not None


def test_an_evaluator_that_lost_its_claim_leaves_the_epoch_to_the_other(run, commit, evaluated):
    commit(5, 10)
    run.end(SUCCEEDED)

    def evaluate(epoch, keep_claim):
        if epoch == 5:
            run.record_evaluation(5, {'by the other': True})
            raise ClaimLostError('taken over')
        evaluated.append(epoch)
        run.record_evaluation(epoch, {})

    watch(run, QUICK, evaluate, after_look=nothing)
    assert evaluated == [10]
    assert run.evaluation(5)['by the other']


def test_each_result_is_passed_on_before_the_next_evaluation(run, commit, evaluate):
    """So that a curve in MLflow is never later than one look."""
    commit(5, 10, 15)
    run.end(SUCCEEDED)
    seen = []
    watch(run, QUICK, evaluate, after_look=lambda: seen.append(len(run.evaluated_epochs())))
    assert seen == [1, 2, 3, 3]


def test_training_that_is_silent_is_lost(run, commit, evaluate, evaluated):
    run.beat()
    commit(5)
    with pytest.raises(TrainingLostError, match=r'no sign of life from training for 0\.2 s\. Look at the train stage'):
        watch(run, Watching('*', poll=0.02, lost_after=0.2), evaluate, after_look=nothing)
    assert evaluated == [5]


def test_before_the_first_heartbeat_there_is_no_hurry(run, commit, evaluate, evaluated):
    """A pod may wait for its GPU for hours."""

    def train_late():
        time.sleep(0.6)
        run.beat()
        commit(5)
        run.end(SUCCEEDED)

    training = threading.Thread(target=train_late)
    training.start()
    watch(run, Watching('*', poll=0.02, lost_after=0.2), evaluate, after_look=nothing)
    training.join()
    assert evaluated == [5]


def test_clocks_of_two_machines_need_not_agree(run, commit, evaluate, monkeypatch):
    monkeypatch.setattr(
        'components.runtime.run_folder.time.time', lambda: 12.0
    )  # the trainer's clock is off by decades
    run.beat()
    commit(5)

    def train():
        for number in range(10):
            run.beat(number=number)
            time.sleep(0.05)
        run.end(SUCCEEDED)

    training = threading.Thread(target=train)
    training.start()
    watch(run, Watching('*', poll=0.02, lost_after=0.3), evaluate, after_look=nothing)
    training.join()


def test_training_that_was_canceled_is_reported_after_the_rest_is_evaluated(run, commit, evaluate, evaluated):
    commit(5)
    run.end(CANCELED, message='by hand')
    with pytest.raises(TrainingLostError, match='training canceled: by hand'):
        watch(run, QUICK, evaluate, after_look=nothing)
    assert evaluated == [5]

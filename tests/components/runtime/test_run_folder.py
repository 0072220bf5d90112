import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.runtime.run_folder import CANCELED, FAILED, SUCCEEDED, RunFolder, worker


@pytest.fixture
def run(root):
    return RunFolder(root, 'r1')


@pytest.fixture
def file(tmp_path):
    def make(text):
        path = tmp_path / 'made' / text
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize('run_id', ['', 'a/b', '..', '.hidden'])
def test_a_run_has_one_name(tmp_path, run_id):
    with pytest.raises(ValueError, match='cannot name a run'):
        RunFolder(str(tmp_path), run_id)


def test_making_one_touches_nothing(tmp_path):
    RunFolder(str(tmp_path / 'runs'), 'r1')
    assert not (tmp_path / 'runs').exists()


def test_the_record_grows(run):
    assert run.record() == {}
    run.update_record(a=1)
    run.update_record(b=2)
    assert run.record() == {'a': 1, 'b': 2}


def test_attempts_supersede_each_other(run):
    assert run.begin_attempt(x=1) == 1
    assert not run.is_superseded(1)
    assert run.begin_attempt() == 2
    assert run.is_superseded(1)
    assert not run.is_superseded(2)
    assert run.record() == {'attempt': 2, 'x': 1}


def test_of_attempts_that_begin_at_once_each_has_its_own_number(run):
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda _: RunFolder(run.uri.rpartition('/')[0], 'r1').begin_attempt(), range(6)))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    assert run.attempt() == 6


def test_checkpoints_are_listed_once_committed(run, file, tmp_path):
    assert run.epochs() == []
    for epoch in (10, 2, 12345):
        run.commit_checkpoint(epoch, file(f'w{epoch}'), attempt=1)
    run.store.write('checkpoints/e0099/weights.safetensors', b'half a checkpoint')
    assert run.epochs() == [2, 10, 12345]
    assert run.fetch_checkpoint(10, tmp_path / 'there').read_text() == 'w10'
    assert run.checkpoint_uri(10) == f'{run.uri}/checkpoints/e0010/weights.safetensors'


def test_of_states_the_newest_is_kept(run, file, tmp_path):
    assert run.fetch_state(tmp_path / 'none') == {}
    for text in ('one', 'two', 'three'):
        run.commit_state({'state.pt': file(text)}, digests={}, attempt=1)
        fetched = run.fetch_state(tmp_path / text)
        assert {name: path.read_text() for name, path in fetched.items()} == {'state.pt': text}
    assert len(list(run.store.list('state/'))) == 2


class TestLingeringAttempt:
    """An old trainer that still writes while a new one is at work: paused, cut off, or on a machine thought dead."""

    def test_it_cannot_damage_a_committed_checkpoint(self, run, file, tmp_path):
        assert run.commit_checkpoint(5, file('new'), attempt=2)
        assert not run.commit_checkpoint(5, file('old'), attempt=1)
        assert run.fetch_checkpoint(5, tmp_path / 'back').read_text() == 'new'
        assert len(list(run.store.list('checkpoints/'))) == 2, 'nothing is left behind'

    def test_what_it_committed_first_stays(self, run, file, tmp_path):
        assert run.commit_checkpoint(5, file('old'), attempt=1)
        assert not run.commit_checkpoint(5, file('new'), attempt=2)
        assert run.fetch_checkpoint(5, tmp_path / 'back').read_text() == 'old'
        assert run.checkpoint_uri(5) == f'{run.uri}/checkpoints/e0005/weights.safetensors'

    def test_its_state_does_not_take_the_place_of_a_newer_one(self, run, file, tmp_path):
        for text in ('old 1', 'old 2'):
            run.commit_state({'state.pt': file(text)}, digests={}, attempt=1)
        run.commit_state({'state.pt': file('new')}, digests={}, attempt=2)
        run.commit_state({'state.pt': file('old 3')}, digests={}, attempt=1)
        assert run.fetch_state(tmp_path / 'back')['state.pt'].read_text() == 'new'
        run.commit_state({'state.pt': file('newer')}, digests={}, attempt=2)
        assert len(list(run.store.list('state/'))) == 2, 'nothing is left behind'


def test_a_removed_checkpoint_stays_known(run, file):
    for epoch in (5, 10):
        run.commit_checkpoint(epoch, file(f'w{epoch}'))
    run.remove_checkpoint(5)
    assert (run.epochs(), run.removed_epochs()) == ([10], [5])
    with pytest.raises(FileNotFoundError, match=r'no checkpoint of epoch 5\. It has \[10\]'):
        run.checkpoint_uri(5)
    assert run.store.read('checkpoints/e0005/weights.safetensors') is None


def test_a_state_that_was_not_committed_leaves_the_old_one(run, file, tmp_path, monkeypatch):
    run.commit_state({'state.pt': file('old'), 'log': file('log')}, digests={})

    def fail(*_):
        raise OSError('away')

    with monkeypatch.context() as patch:
        patch.setattr(run.store, 'write', fail)
        with pytest.raises(OSError, match='away'):
            run.commit_state({'state.pt': file('new'), 'log': file('log')}, digests={})
    assert run.fetch_state(tmp_path / 'back')['state.pt'].read_text() == 'old'


def test_heartbeat(run):
    assert run.heartbeat() is None
    run.beat(attempt=1)
    first = run.heartbeat()
    run.beat(attempt=2)
    assert first['attempt'] == 1
    assert run.heartbeat()['time'] > first['time']


def test_the_first_outcome_counts(run):
    assert run.outcome() is None
    assert run.end(SUCCEEDED, epochs=3)
    assert not run.end(FAILED)
    assert run.outcome()['outcome'] == SUCCEEDED
    assert run.outcome()['epochs'] == 3


@pytest.mark.parametrize(('outcome', 'after'), [(FAILED, None), (CANCELED, None), (SUCCEEDED, SUCCEEDED)])
def test_another_attempt_voids_an_outcome_without_success(run, outcome, after):
    run.end(outcome)
    run.begin_attempt()
    assert (run.outcome() or {}).get('outcome') == after


def test_evaluations(run):
    run.record_evaluation(10, {'metrics': {'AP': 0.5}})
    run.record_evaluation(5, {'metrics': {'AP': 0.4}})
    assert not run.record_evaluation(5, {'metrics': {'AP': 0.9}}), 'the first result counts'
    run.claims(expires=60.0).take(15)
    assert {epoch: result['metrics']['AP'] for epoch, result in run.evaluations().items()} == {5: 0.4, 10: 0.5}


def test_processes_have_different_names():
    assert worker() == worker()
    assert worker() != subprocess.run(
        [sys.executable, '-c', 'from components.runtime.run_folder import worker; print(worker())'],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip

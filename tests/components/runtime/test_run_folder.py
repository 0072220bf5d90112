import pytest

from components.runtime.run_folder import CANCELED, FAILED, SUCCEEDED, RunFolder, evaluator
from components.runtime.store import read_object


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
    run.claim(15, 'me', expires=60.0)
    assert {epoch: result['metrics']['AP'] for epoch, result in run.evaluations().items()} == {5: 0.4, 10: 0.5}


class TestClaims:
    def test_one_evaluator_gets_an_epoch(self, run):
        assert run.claim(5, 'a', expires=60.0) == 'eval/e0005.claim'
        assert run.claim(5, 'b', expires=60.0) is None
        assert run.claim(6, 'b', expires=60.0) == 'eval/e0006.claim'

    def test_a_released_claim_is_free(self, run):
        run.release_claim(run.claim(5, 'a', expires=60.0))
        assert run.claim(5, 'b', expires=60.0) == 'eval/e0005.claim'

    def test_the_claim_of_a_dead_evaluator_is_succeeded(self, run, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr('components.runtime.run_folder.time.time', lambda: now[0])
        claim = run.claim(5, 'dies', expires=60.0)
        now[0] += 50
        run.renew_claim(claim, 'dies')
        now[0] += 50
        assert run.claim(5, 'b', expires=60.0) is None
        now[0] += 20
        assert run.claim(5, 'b', expires=60.0) == 'eval/e0005.claim2'
        assert run.claim(5, 'c', expires=60.0) is None
        now[0] += 100
        assert run.claim(5, 'c', expires=60.0) == 'eval/e0005.claim3'
        assert read_object(run.store, 'eval/e0005.claim3')['owner'] == 'c'

    def test_evaluators_have_different_names(self):
        assert evaluator() != evaluator()

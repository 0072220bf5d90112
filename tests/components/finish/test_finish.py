import json

import pytest

from components.finish.__main__ import main
from components.runtime.run_folder import SUCCEEDED
from components.runtime.tracked_run import TrackedRun

STAMP = {'asctime': '2026-11-22 07:17:22,939'}


@pytest.fixture
def finish(run, tmp_path, monkeypatch):
    monkeypatch.setenv('PIFPAF_WORK_DIR', str(tmp_path / 'work'))
    root = run.uri.rpartition('/')[0]

    def call(state, **status):
        return main(['--run-root', root, '--run-id', 'r1', '--status', json.dumps({'state': state, **status})])

    return call


@pytest.mark.parametrize(
    ('state', 'outcome'), [('FAILED', 'failed'), ('CANCELED', 'canceled'), ('CANCELLED', 'canceled')]
)
def test_an_end_that_nobody_recorded_is_recorded(run, finish, state, outcome):
    assert finish(state, error={'message': 'out of memory'}, pipelineTaskName='train') == 0
    assert run.outcome()['outcome'] == outcome
    assert run.outcome()['message'] == 'out of memory'
    assert run.outcome()['task'] == 'train'


@pytest.mark.parametrize(
    ('error', 'message'),
    [('boom', 'boom'), ({'code': 9}, 'no reason given'), (None, 'no reason given'), (['a'], "['a']")],
)
def test_whatever_the_form_of_the_reason_the_end_is_recorded(run, finish, error, message):
    assert finish('FAILED', error=error, pipelineTaskName=None) == 0
    assert (run.outcome()['outcome'], run.outcome()['message']) == ('failed', message)


def test_a_run_that_is_not_there_is_refused_by_hand_only(tmp_path, capsys):
    where = ['--run-root', str(tmp_path / 'runs'), '--run-id', 'typo']
    assert main(where) == 1
    assert 'runs/typo holds no run. Check --run-root and --run-id' in capsys.readouterr().err
    assert not (tmp_path / 'runs').exists()
    assert main([*where, '--status', '{"state": "FAILED"}']) == 0  # it failed before training began
    assert (tmp_path / 'runs/typo/outcome.json').exists()


def test_a_success_is_left_alone(run, finish):
    run.end(SUCCEEDED)
    assert finish('FAILED') == 0  # a later stage failed: the training did not
    assert run.outcome()['outcome'] == SUCCEEDED


def test_a_pipeline_that_succeeded_has_nothing_to_record(run, finish):
    assert finish('SUCCEEDED') == 0
    assert run.outcome() is None


@pytest.fixture
def log():
    records = [
        {'type': 'process', 'args': {'lr': 0.1}},
        *({'type': 'train', 'epoch': 0, 'batch': b, 'n_batches': 9, 'loss': 9.0 - b} for b in range(3)),
        {'type': 'train-epoch', 'epoch': 1, 'loss': 8.0, 'time': 1.0},
    ]
    return ''.join(json.dumps(STAMP | record) + '\n' for record in records)


@pytest.mark.parametrize(('state', 'status'), [('FAILED', 'FAILED'), ('CANCELED', 'KILLED'), ('SUCCEEDED', 'FINISHED')])
def test_mlflow_gets_the_status_and_what_it_missed_of_the_log(run, finish, mlflow_database, log, state, status):
    """The server was away all the time that training ran: there is not even a run."""
    run.store.write('report/train.log', log.encode())
    if state == 'SUCCEEDED':
        run.end(SUCCEEDED)
    assert finish(state) == 0
    run_id = run.record()['mlflow']['run_id']
    found = mlflow_database.get_run(run_id)
    assert found.info.status == status
    assert found.data.params['lr'] == '0.1'
    assert found.data.metrics['final/last_loss'] == 8.0
    assert [metric.value for metric in mlflow_database.get_metric_history(run_id, 'train/loss')] == [9.0, 8.0, 7.0]
    assert run.store.read('report/train.log.offset') == str(len(log)).encode()


def test_a_status_that_somebody_set_stays(run, finish, mlflow_database, tmp_path):
    tracker = TrackedRun(run, tmp_path / 'absent.log').tracker()
    tracker.status('FINISHED')
    run.end(SUCCEEDED)
    assert finish('FAILED') == 0
    assert mlflow_database.get_run(tracker.run_id).info.status == 'FINISHED'


def test_without_mlflow_the_outcome_is_recorded_all_the_same(run, finish, monkeypatch, capsys):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://127.0.0.1:9')
    monkeypatch.setenv('MLFLOW_HTTP_REQUEST_MAX_RETRIES', '0')
    assert finish('FAILED') == 0
    assert run.outcome()['outcome'] == 'failed'
    assert 'MLflow did not get the end of the run' in capsys.readouterr().err

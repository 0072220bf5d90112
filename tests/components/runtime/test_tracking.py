"""MLflow for real, on an sqlite file; and when it is not there."""

import pytest

from components.runtime import tracking
from components.runtime.tracked_run import TrackedRun
from components.runtime.tracking import Tracker, TrackingError
from components.runtime.training_log import Point

PNG = bytes.fromhex(
    '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301'
    '0100c9fe92ef0000000049454e44ae426082'
)


@pytest.fixture
def tracker(mlflow_database):
    return Tracker.start(experiment='test', name='first', tags={'git.dirty': 'false', 'long': 'x' * 9000})


@pytest.fixture
def stored(mlflow_database, tracker):
    """The run as the server has it."""
    return lambda: mlflow_database.get_run(tracker.run_id)


def test_one_run_takes_everything(tracker, stored, mlflow_database, tmp_path):
    tracker.params({'lr': 0.1, 'lr_decay': [1, 2], 'nothing': None, 'long': 'x' * 9000})
    tracker.params({'lr': 0.2, 'new': 1})
    tracker.points([Point('train/loss', step, float(step), step / 10) for step in range(2000)])
    tracker.dataset('cocokp', 'd' * 64, 's3://bucket/data')
    (tmp_path / 'pose.png').write_bytes(PNG)
    tracker.file(tmp_path / 'pose.png', 'pictures')
    tracker.contents({'report.html': b'<p>'}, 'report')
    tracker.image(tmp_path / 'pose.png', 'poses/1', step=0)
    run = stored()
    params = run.data.params
    assert (params['lr'], params['lr_decay'], params['nothing'], params['new']) == ('0.1', '[1, 2]', 'None', '1')
    assert len(params['long']) == 6000
    assert run.data.tags['git.dirty'] == 'false'
    assert run.inputs.dataset_inputs[0].dataset.name == 'cocokp'
    assert len(mlflow_database.get_metric_history(tracker.run_id, 'train/loss')) == 2000
    paths = {
        f.path
        for folder in ('pictures', 'report', 'images')
        for f in mlflow_database.list_artifacts(tracker.run_id, folder)
    }
    assert {'pictures/pose.png', 'report/report.html'} <= paths
    assert any(path.startswith('images/poses') for path in paths)
    assert tracker.is_running
    tracker.status('FINISHED')
    assert not tracker.is_running


def test_a_password_in_the_address_is_in_no_message(monkeypatch):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://me:secret@127.0.0.1:9')
    monkeypatch.setenv('MLFLOW_HTTP_REQUEST_MAX_RETRIES', '0')
    with pytest.raises(TrackingError, match=r'creating a run: .*127\.0\.0\.1') as raised:
        Tracker.start(experiment='test', name='first', tags={})
    assert 'secret' not in str(raised.value)


def test_a_point_that_is_sent_twice_is_there_once(tracker, mlflow_database):
    points = [Point('val/AP', 5, 0.5, 1000.0), Point('val/AP', 10, float('nan'), 1001.0)]
    tracker.points(points)
    tracker.points(points)
    history = mlflow_database.get_metric_history(tracker.run_id, 'val/AP')
    assert [(metric.step, metric.timestamp) for metric in history] == [(5, 1000000), (10, 1001000)]


def test_others_add_to_a_run_without_touching_its_status(tracker, stored):
    tracker.status('FINISHED')
    other = Tracker(tracker.run_id)
    other.points([Point('val/AP', 5, 0.5, 1.0)])
    other.tags({'best.epoch': '5'})
    assert stored().info.status == 'FINISHED'
    assert stored().data.metrics['val/AP'] == 0.5


def test_a_retried_training_continues_its_run(tracker, stored):
    tracker.status('FAILED')
    again = Tracker.start(experiment='test', name='first', tags={}, run_id=tracker.run_id)
    assert again.run_id == tracker.run_id
    assert stored().info.status == 'RUNNING'


def test_a_run_that_kfp_made_is_adopted_under_other_parameter_names(tracker, stored, monkeypatch):
    monkeypatch.setenv('MLFLOW_RUN_ID', tracker.run_id)
    adopted = Tracker.start(experiment='other', name='x', tags={'a': 'b'})
    adopted.params({'lr': 0.1})
    assert adopted.run_id == tracker.run_id
    assert stored().data.params == {'args/lr': '0.1'}
    assert stored().data.tags['a'] == 'b'


def test_a_tracked_run_is_made_once_and_named_in_the_record(run, mlflow_database, tmp_path):
    tracked = TrackedRun(run, tmp_path / 'absent.log')
    tracked.forward()
    tracked.forward()
    recorded = run.record()['mlflow']
    found = mlflow_database.get_run(recorded['run_id'])
    assert recorded['experiment_id'] == found.info.experiment_id
    assert found.info.run_name == 'r1'
    assert found.inputs.dataset_inputs[0].dataset.digest == 'd' * 36
    assert TrackedRun(run, tmp_path / 'absent.log').tracker().run_id == recorded['run_id']


def test_a_server_that_is_away_is_a_tracking_error_within_seconds(monkeypatch):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://127.0.0.1:9')
    monkeypatch.setenv('MLFLOW_HTTP_REQUEST_MAX_RETRIES', '0')
    with pytest.raises(TrackingError, match='creating a run'):
        Tracker.start(experiment='test', name='x', tags={})


def test_best_effort_says_it_and_goes_on(caplog):
    with tracking.best_effort('the report'):
        raise TrackingError('away')
    assert 'MLflow did not get the report: away' in caplog.text


def test_tracking_is_wanted_when_a_place_is_named(monkeypatch):
    assert not tracking.is_wanted()
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://somewhere')
    assert tracking.is_wanted()

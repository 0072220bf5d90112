"""A real MLflow server that is killed in the middle of a training: every record arrives, once it is back."""

import tempfile
import threading
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow_server import MlflowServer, Postgres

from components.runtime.run_folder import RunFolder
from components.train.supervisor import Training, supervise


@pytest.fixture(params=['sqlite', pytest.param('postgresql', marks=pytest.mark.nightly)])
def server(request, tmp_path, monkeypatch):
    monkeypatch.setenv('MLFLOW_HTTP_REQUEST_MAX_RETRIES', '0')
    (tmp_path / 'server').mkdir()
    if request.param == 'sqlite':
        with MlflowServer(tmp_path / 'server') as found:
            monkeypatch.setenv('MLFLOW_TRACKING_URI', found.address)
            yield found
        return
    pytest.importorskip('psycopg2', reason='psycopg2 absent: pip install psycopg2-binary')
    if Postgres.programs() is None:
        pytest.skip('PostgreSQL absent: install postgresql')
    with tempfile.TemporaryDirectory(prefix='postgres') as folder, Postgres(Path(folder)) as database:  # noqa: SIM117
        with MlflowServer(tmp_path / 'server', database.address) as found:
            monkeypatch.setenv('MLFLOW_TRACKING_URI', found.address)
            yield found


def wait_for(condition, seconds=240.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'nothing happened'
        time.sleep(0.02)


@pytest.mark.timeout(1800)
def test_a_server_that_is_killed_loses_no_record_and_a_retry_goes_on_in_the_same_run(server, run: RunFolder, trainer):
    output = Path(trainer()[3]).with_name('net-cocokp')

    def attempt(**flags):
        argv = trainer(**flags)
        return supervise(Training(run, run.begin_attempt(), argv, output, poll=0.05, heartbeat=1.0, drain=90.0))

    def outage():
        wait_for(lambda: len(run.epochs()) >= 2 and run.record().get('mlflow'))
        server.kill()
        wait_for(lambda: len(run.epochs()) >= 6)
        server.start()

    breaker = threading.Thread(target=outage)
    breaker.start()
    assert attempt(epochs=8, seconds=0.5, fail_at=7)[0] == 1
    breaker.join()
    assert attempt(epochs=8, seconds=0.1)[0] == 0
    client = MlflowClient(server.address)
    found = client.get_run(run.record()['mlflow']['run_id'])
    assert found.info.status == 'FINISHED'
    assert (found.data.params['lr'], found.data.params['lr_decay']) == ('0.1', '[1, 2]')
    curve = client.get_metric_history(found.info.run_id, 'train/loss')
    assert {point.step: point.value for point in curve} == {
        2 * epoch + batch: 100.0 - 10 * epoch - batch for epoch in range(8) for batch in range(2)
    }
    assert len(client.search_runs([found.info.experiment_id])) == 1

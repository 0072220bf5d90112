"""Stores to test on, a trainer that trains nothing, and runs that it made."""

import os
import sys
import uuid
from pathlib import Path

import pytest

from components.runtime.run_folder import RunFolder

FAKE_TRAINER = Path(__file__).parent / 'fake_trainer.py'


@pytest.fixture(autouse=True)
def no_tracking(monkeypatch):
    """MLflow only where a test asks for it."""
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    monkeypatch.delenv('MLFLOW_RUN_ID', raising=False)


@pytest.fixture(scope='session')
def s3_server():
    """The address of an S3 server (moto)."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f'http://{host}:{port}'
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The environment of a user of that server, and a bucket: ``s3://bucket``."""
    import boto3

    for name, value in {
        'AWS_ENDPOINT_URL_S3': s3_server,
        'AWS_ACCESS_KEY_ID': 'key',
        'AWS_SECRET_ACCESS_KEY': 'secret',
        'AWS_DEFAULT_REGION': 'us-east-1',
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f'b{uuid.uuid4().hex[:12]}'
    boto3.client('s3').create_bucket(Bucket=bucket)
    return f's3://{bucket}'


@pytest.fixture(params=['local', 's3'])
def root(request, tmp_path):
    """A place for runs: a folder and a bucket."""
    return str(tmp_path / 'store') if request.param == 'local' else f'{request.getfixturevalue("s3")}/some/prefix'


@pytest.fixture
def run(tmp_path):
    """An empty run in a local folder, with the record that the train stage writes."""
    folder = RunFolder(str(tmp_path / 'runs'), 'r1')
    dataset = {'name': 'cocokp', 'digest': 'd' * 64, 'uri': 'somewhere'}
    folder.update_record(experiment='test', tags={'git.dirty': 'false'}, dataset=dataset)
    return folder


@pytest.fixture
def trainer(tmp_path):
    """Command line of a fake training in ``tmp_path/work``: ``trainer(epochs=4)``."""

    def command_line(**flags):
        argv = [sys.executable, str(FAKE_TRAINER), '--output', str(tmp_path / 'work' / 'net-cocokp')]
        for name, value in flags.items():
            argv += [f'--{name.replace("_", "-")}', str(value)]
        return argv

    return command_line


@pytest.fixture(scope='session')
def mlflow_folder(tmp_path_factory):
    """One database for all tests: making one takes seconds."""
    return tmp_path_factory.mktemp('mlflow')


@pytest.fixture
def mlflow_database(mlflow_folder, monkeypatch):
    """MLflow on an sqlite file: its client."""
    monkeypatch.setenv('MLFLOW_TRACKING_URI', f'sqlite:///{mlflow_folder}/mlflow.db')
    monkeypatch.setenv('PIFPAF_MLFLOW_ARTIFACTS', str(mlflow_folder / 'artifacts'))
    from mlflow import MlflowClient

    return MlflowClient(os.environ['MLFLOW_TRACKING_URI'])

"""Stores to test on, a trainer that trains nothing, and runs that it made."""

import contextlib
import os
import sys
import tempfile
import threading
import uuid
from pathlib import Path

import ceph_server
import pytest
from ceph_server import Ceph

from components.runtime.run_folder import RunFolder

FAKE_TRAINER = Path(__file__).parent / 'fake_trainer.py'


@pytest.fixture(autouse=True)
def no_tracking(monkeypatch):
    """MLflow only where a test asks for it."""
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    monkeypatch.delenv('MLFLOW_RUN_ID', raising=False)


@pytest.fixture(scope='session')
def s3_server():
    """The address of an S3 server (moto), whose conditional writes come one after the other, as S3's do."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication
    from moto.server import ThreadedMotoServer

    lock, answer = threading.Lock(), DomainDispatcherApplication.__call__

    def in_turn(self, environ, start_response):
        with lock if 'HTTP_IF_NONE_MATCH' in environ else contextlib.nullcontext():
            return answer(self, environ, start_response)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DomainDispatcherApplication, '__call__', in_turn)
        server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f'http://{host}:{port}'
        server.stop()


@pytest.fixture(scope='session')
def ceph():
    """Ceph's RADOS Gateway: a real S3 server, real also in what it does when it is killed."""
    missing = ceph_server.missing()
    if missing:
        pytest.skip(f'radosgw absent: install {", ".join(missing)}')
    with tempfile.TemporaryDirectory(prefix='ceph') as folder, Ceph(Path(folder)) as server:
        yield server


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The environment of a user of that server, and a bucket: ``s3://bucket``."""
    return _bucket(monkeypatch, s3_server, 'key', 'secret')


@pytest.fixture
def radosgw(ceph, monkeypatch):
    """The same of Ceph's server."""
    return _bucket(monkeypatch, ceph.address, ceph_server.KEY, ceph_server.SECRET)


def _bucket(monkeypatch, address, key, secret):
    import boto3

    for name, value in {
        'AWS_ENDPOINT_URL_S3': address,
        'AWS_ACCESS_KEY_ID': key,
        'AWS_SECRET_ACCESS_KEY': secret,
        'AWS_DEFAULT_REGION': 'us-east-1',
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f'b{uuid.uuid4().hex[:12]}'
    boto3.Session().client('s3').create_bucket(Bucket=bucket)
    return f's3://{bucket}'


@pytest.fixture(params=['local', 's3', pytest.param('radosgw', marks=pytest.mark.s3)])
def root(request, tmp_path):
    """A place for runs: a folder, a bucket of a mock, a bucket of a real server."""
    if request.param == 'local':
        return str(tmp_path / 'store')
    return f'{request.getfixturevalue(request.param)}/some/prefix'


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

"""Credentials of the environment reach no log, parameter, artifact, object or error; what uses them sends them on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_kfp import FakeKfp
from forwarding import forwarding

CANARY = 'c4n4ry-5ecret'
SECRETS = (
    *('AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'MLFLOW_TRACKING_PASSWORD', 'MLFLOW_TRACKING_TOKEN'),
    'KF_PIPELINES_TOKEN',
)


@pytest.fixture
def canaries(s3, monkeypatch, tmp_path):
    """Every secret is a canary; the bucket: its server takes any key."""
    for name in SECRETS:
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv('MLFLOW_TRACKING_USERNAME', 'somebody')
    monkeypatch.setenv('HOME', str(tmp_path))
    return s3


def run(*argv, code, **environment):
    """Output of a program, which ends with ``code``."""
    done = subprocess.run(
        [sys.executable, '-m', *argv],
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', **environment},
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def contents(folder):
    """What lies below a folder: names and bytes."""
    for path in Path(folder).rglob('*'):
        if path.is_file():
            yield path.name.encode() + path.read_bytes()


def objects(bucket):
    """What lies in a bucket."""
    from components.runtime.store import open_store

    store = open_store(bucket)
    for key, _ in store.list():
        yield key.encode() + (store.read(key) or b'')


def test_a_canary_is_seen(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/log').write_text(f'x{CANARY}y')
    assert any(CANARY.encode() in content for content in contents(tmp_path))


def test_submitting(canaries):
    kfp = FakeKfp(token=CANARY)
    try:
        where = ['pipelines.submit', '--endpoint', kfp.url, '--run-root', f'{canaries}/runs', '--poll=0.02']
        assert CANARY not in run(*where, code=0)
        kfp.token = 'another'
        said = run(*where, '--debug', code=1)
        assert '401' in said and CANARY not in said
        assert CANARY not in json.dumps(kfp.runs)
    finally:
        kfp.server.shutdown()
        kfp.server.server_close()


@pytest.mark.parametrize('status', [200, 401, 500])
def test_the_doctor(canaries, status):
    """Servers that are none, and that refuse, are explained without what they were told."""
    sent = []

    def answer(*request):
        sent.append(request)
        return status, b'OK'

    with forwarding('127.0.0.1:9', before=answer) as address:
        environment = {'MLFLOW_TRACKING_URI': address, 'KF_PIPELINES_ENDPOINT': address}
        where = ['components.doctor', '--run-root', f'{canaries}/runs', '--json']
        said = run(*where, code=1, **environment)
    assert sent and CANARY not in said


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_training_as_a_stage(canaries, repository, tmp_path):
    """Preparing and training for real, into a bucket and MLflow: objects, database, artifacts, work folder, output."""
    tracking = {
        'MLFLOW_TRACKING_URI': f'sqlite:///{tmp_path}/mlflow.db',
        'PIFPAF_MLFLOW_ARTIFACTS': str(tmp_path / 'artifacts'),
    }
    where = ['--run-root', f'{canaries}/runs', '--run-id', 'r1']
    source = ['--source', str(repository / 'examples/coco-eight'), '--prepare-options', '{"val-is-train": true}']
    said = run('components.prepare_dataset', *where, '--work-dir', str(tmp_path / 'a'), *source, code=0, **tracking)
    dataset = next(key for key in map(bytes.decode, stored_keys(canaries)) if '/datasets/' in f'/{key}')
    uri = f'{canaries}/{"/".join(dataset.split("/")[:3])}'
    what = ['--basenet', 'tiny', '--epochs', '1', '--batch-size', '2', '--square-edge', '65', '--gpus', '0']
    options = ['--train-options', '{"loader-workers": 0}', '--work-dir', str(tmp_path / 'b')]
    said += run('components.train', *where, '--dataset-uri', uri, *what, *options, code=0, **tracking)
    evaluate = ['--dataset-uri', uri, '--eval-epochs', '*', '--work-dir', str(tmp_path / 'c')]
    said += run('components.watch_evaluate', *where, *evaluate, code=0, **tracking)
    said += run('components.train', *where, '--dataset-uri', f'{canaries}/none', *what, '--debug', code=1, **tracking)
    assert CANARY not in said
    everything = [*contents(tmp_path), *objects(canaries)]
    assert len(everything) > 30
    assert [content[:60] for content in everything if CANARY.encode() in content] == []


def stored_keys(bucket):
    from components.runtime.store import open_store

    return [key.encode() for key, _ in open_store(bucket).list()]

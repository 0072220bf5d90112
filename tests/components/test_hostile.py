"""A hostile world, stage by stage: each ends with one line that names the remedy, and leaves nothing half done."""

import hashlib
import importlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from components.runtime import core, data
from components.runtime.run_folder import RunFolder
from components.runtime.store import open_store
from components.train import __main__ as train
from pifpaf_core.files import sha256

STAGES = ('prepare_dataset', 'train', 'watch_evaluate', 'testdev_submit_zip', 'predict')


@pytest.fixture
def prepared(tmp_path):
    """A folder as ``pifpaf prepare`` leaves it."""
    folder = tmp_path / 'prepared'
    (folder / 'images/val2017').mkdir(parents=True)
    (folder / 'images/val2017/1.jpg').write_bytes(b'\xff\xd8' + bytes(100_000) + b'\xff\xd9')
    (folder / 'annotations').mkdir()
    for name in ('person_keypoints_train2017', 'person_keypoints_val2017', 'image_info_test-dev2017'):
        (folder / f'annotations/{name}.json').write_text(json.dumps({'images': [{'id': 1}], 'fill': 'x' * 100_000}))
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    sums = ''.join(f'{sha256(path)}  {path.relative_to(folder).as_posix()}\n' for path in files)
    digest = hashlib.sha256(sums.encode()).hexdigest()
    (folder / 'manifest.json').write_text(json.dumps({'digest': digest, 'splits': {}}))
    return folder


class World:
    """A store with a data set and a checkpoint, and stages that are called as a pod calls them."""

    def __init__(self, top, prepared, tmp_path, capsys):
        self.top, self._prepared, self.work, self._capsys = top, prepared, tmp_path / 'work', capsys
        self.dataset = data.publish(prepared, f'{top}/runs')[0]
        self.run = RunFolder(f'{top}/runs', 'r1')
        self.run.commit_checkpoint(5, prepared / 'images/val2017/1.jpg')
        self.weights = self.run.checkpoint_uri(5)

    def call(self, stage, **changed):
        """(exit code, what it said at the end) of a stage with some flags changed."""
        given = {'run-root': f'{self.top}/runs', 'run-id': 'r1', 'work-dir': self.work}
        if stage == 'prepare_dataset':
            given['source'] = self._prepared
        else:
            given['dataset-uri'] = self.dataset
        if stage in ('testdev_submit_zip', 'predict'):
            given['checkpoint-uri'] = self.weights
        if stage == 'train':
            given |= {'gpus': 0, 'epochs': 1}
        argv = [f'--{name}={value}' for name, value in (given | changed).items()]
        code = importlib.import_module(f'components.{stage}.__main__').main(argv)
        lines = self._capsys.readouterr().err.splitlines()
        (line,) = [line for line in lines if line.startswith('pifpaf ')]
        assert line.startswith(f'pifpaf components.{stage}: ') and 'internal error' not in line
        assert not any(line.startswith('Traceback') for line in lines)
        return code, line

    def keys(self):
        return {key for key, _ in open_store(self.top).list()}


@pytest.fixture
def world(s3, prepared, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train, 'supervise', lambda _: pytest.fail('the training is begun'))
    return World(s3, prepared, tmp_path, capsys)


WRONG = {
    'prepare_dataset': ('source', 's3://{}/nothing/', 'holds nothing. Check the URI'),
    'train': ('dataset-uri', 's3://{}/nothing', 'Run components.prepare_dataset first'),
    'watch_evaluate': ('dataset-uri', 's3://{}/nothing', 'Run components.prepare_dataset first'),
    'testdev_submit_zip': ('checkpoint-uri', 's3://{}/nothing/weights.safetensors', 'does not exist. Check'),
    'predict': ('checkpoint-uri', 's3://{}/nothing/weights.safetensors', 'does not exist. Check'),
}


@pytest.mark.parametrize('stage', STAGES)
def test_a_wrong_uri(world, stage):
    flag, uri, message = WRONG[stage]
    bucket = world.top.removeprefix('s3://')
    before = world.keys()
    code, line = world.call(stage, **{flag: uri.format(bucket)})
    assert code == 1 and message in line
    assert f'{bucket}/nothing' in line
    assert {key for key in world.keys() - before if not key.startswith('runs/r1/')} == set()


@pytest.mark.parametrize('stage', STAGES)
def test_a_bucket_that_is_not_there(world, stage):
    flag = 'source' if stage == 'prepare_dataset' else 'dataset-uri'
    code, line = world.call(stage, **{flag: 's3://not-there-at-all/nothing/'})
    assert code == 1 and 'Create the bucket or correct the URI' in line


@pytest.fixture
def full_disk(tmp_path):
    """A file system without room."""
    place = tmp_path / 'full'
    place.mkdir()
    argv = ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(place)]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f'no file system can be mounted here: {done.stderr.strip()}')
    yield place
    subprocess.run(['umount', '--lazy', str(place)], check=True)


def fill(argv, **_):
    """Takes the place of ``pifpaf prepare``, where the disk is full as it writes."""
    output = next(word for word in argv if word.startswith('--output=')).partition('=')[2]
    Path(output).mkdir(parents=True)
    Path(output, 'image.jpg').write_bytes(bytes(1 << 20))


@pytest.mark.parametrize('stage', STAGES)
def test_a_full_disk(world, full_disk, stage, monkeypatch):
    monkeypatch.setattr(core, 'run', fill)
    before = world.keys()
    code, line = world.call(stage, **{'work-dir': full_disk})
    assert code == 1
    assert 'no space is left on the disk' in line and 'Free some and run the command again' in line
    assert {key for key in world.keys() - before if not key.startswith(('runs/r1/run', 'runs/r1/attempts'))} == set()


@pytest.mark.parametrize('stage', [stage for stage in STAGES if stage != 'train'])
def test_terminated_half_way(world, stage, monkeypatch):
    """Of train `test_supervisor` tells: it saves, uploads and ends with 75."""

    def terminated(argv, **_):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)

    monkeypatch.setattr(core, 'run', terminated)
    before = world.keys()
    code, line = world.call(stage)
    assert code == 3 and 'canceled. What was committed before is kept' in line
    assert world.keys() == before, 'the claim of an evaluation is given back, too'


DENIED = {'Effect': 'Deny', 'Principal': '*', 'Action': ['s3:PutObject', 's3:GetObject', 's3:ListBucket']}


@pytest.mark.s3
@pytest.mark.parametrize('stage', STAGES)
def test_a_bucket_without_rights(radosgw, prepared, tmp_path, capsys, monkeypatch, stage):
    import boto3

    def ready(argv, **_):
        output = next(word for word in argv if word.startswith('--output=')).partition('=')[2]
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        prepared.rename(output)

    monkeypatch.setattr(core, 'run', ready)
    world = World(radosgw, prepared, tmp_path, capsys)
    bucket = radosgw.removeprefix('s3://')
    statement = {**DENIED, 'Resource': [f'arn:aws:s3:::{bucket}', f'arn:aws:s3:::{bucket}/*']}
    policy = json.dumps({'Version': '2012-10-17', 'Statement': [statement]})
    boto3.Session().client('s3').put_bucket_policy(Bucket=bucket, Policy=policy)
    code, line = world.call(stage)
    assert code == 1 and 'AccessDenied' in line and 'the rights on the bucket' in line

"""The local run in containers: what the stages are given, and what is started beside them."""

from pathlib import Path

import pytest
from fake_docker import Daemon

from pipelines import contained, run, servers
from pipelines.embedded import LocalRun

IMAGES = ('pifpaf-train:latest', 'pifpaf-tools:latest', 'pifpaf-services:latest')


@pytest.fixture
def started(monkeypatch, tmp_path):
    """``started(**parameters)``: run with these; the daemon, the tasks and the parameters that the pipeline got."""
    for name in ('MLFLOW_TRACKING_URI', 'AWS_ENDPOINT_URL_S3'):
        monkeypatch.delenv(name, raising=False)

    def start(*, daemon=None, **parameters):
        found = {'daemon': daemon or Daemon(images=IMAGES)}

        def execute(parameters, folder, tasks, *, verbose):
            found.update(parameters=parameters, tasks=tasks)
            return LocalRun('r1', 0)

        monkeypatch.setattr(contained, 'connect', lambda: found['daemon'])
        monkeypatch.setattr(contained, 'execute', execute)
        monkeypatch.setattr(servers, '_wait', lambda *_: None)
        monkeypatch.setattr(contained, '_make_bucket', lambda address, bucket, keys: found.update(bucket=bucket))
        assert contained.run({'run_root': contained.RUN_ROOT, **parameters}, tmp_path / 'out').code == 0
        return found

    return start


def test_both_servers_are_started_beside(started, capsys):
    found = started()
    assert [container.options['name'] for container in found['daemon'].made] == ['pifpaf-mlflow', 'pifpaf-s3']
    assert found['tasks'].environment['MLFLOW_TRACKING_URI'] == 'http://pifpaf-mlflow:5000'
    assert found['tasks'].environment['AWS_ENDPOINT_URL_S3'] == 'http://pifpaf-s3:9000'
    assert found['bucket'] == 'pifpaf'
    assert {container.options['network'] for container in found['daemon'].made} == {found['tasks'].sandbox.network}
    assert capsys.readouterr().out.count('http://127.0.0.1:40001') == 2


def test_servers_that_the_environment_names_are_used(started, monkeypatch):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://mlflow.example')
    monkeypatch.setenv('AWS_ENDPOINT_URL_S3', 'http://s3.example')
    monkeypatch.setenv('AWS_ACCESS_KEY_ID', 'mine')
    monkeypatch.setattr(servers, 'start', None)
    environment = started()['tasks'].environment
    assert environment['MLFLOW_TRACKING_URI'] == 'http://mlflow.example'
    assert (environment['AWS_ENDPOINT_URL_S3'], environment['AWS_ACCESS_KEY_ID']) == ('http://s3.example', 'mine')


def test_runs_in_a_folder_need_no_s3_server(started, tmp_path):
    found = started(run_root=str(tmp_path / 'runs'))
    assert [container.options['name'] for container in found['daemon'].made] == ['pifpaf-mlflow']
    assert tmp_path / 'runs' in found['tasks'].sandbox.writable


def test_files_that_a_parameter_names_can_be_read_inside(started, tmp_path, monkeypatch):
    (tmp_path / 'photos').mkdir()
    monkeypatch.chdir(tmp_path)
    found = started(source='photos', checkpoint='s3://bucket/net.safetensors')
    assert found['parameters']['source'] == str(tmp_path / 'photos')
    assert list(found['tasks'].sandbox.readable) == [tmp_path / 'photos']
    assert found['parameters']['checkpoint'] == 's3://bucket/net.safetensors'


@pytest.mark.parametrize(('runtimes', 'gpus'), [((), 0), (('nvidia',), 2)])
def test_gpus_count_where_docker_has_them(started, runtimes, gpus):
    assert started(daemon=Daemon(images=IMAGES, runtimes=runtimes), gpus=2)['tasks'].sandbox.gpus == gpus


def test_a_missing_image_is_named_before_anything_starts(started):
    daemon = Daemon(images=IMAGES[1:])
    with pytest.raises(OSError, match='the image pifpaf-train:latest is not on this machine'):
        started(daemon=daemon)
    assert daemon.made == []


def test_without_a_daemon_there_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv('DOCKER_HOST', 'unix:///nowhere/docker.sock')
    assert run.main(['--local', 'docker']) == 1
    err = capsys.readouterr().err.strip()
    assert err.startswith('pifpaf pipelines.run: no Docker daemon answers') and '\n' not in err
    assert err.endswith('Start one, or run with --local process')


def test_runs_live_on_the_s3_server_unless_told_otherwise(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(contained, 'run', lambda parameters, folder, **_: seen.append(parameters) or LocalRun('r', 0))
    assert run.main(['--local=docker']) == 0
    assert run.main(['--local=docker', '--run-root=here', '--tolerations=[{"operator": "Exists"}]']) == 0
    assert [parameters['run_root'] for parameters in seen] == ['s3://pifpaf/runs', 'here']
    assert seen[1]['tolerations'] == [{'operator': 'Exists'}]
    assert run.main(['--local=docker', '--tolerations={}']) == 2
    assert 'is no JSON list' in capsys.readouterr().err


@pytest.mark.docker
def test_servers_answer_and_are_found_again(docker_image, tmp_path):
    client, _ = docker_image(servers.IMAGE)
    server = servers.Server('pifpaf-test-server', 9000, servers.s3().command, servers.s3().health)
    try:
        first = servers.start(client, server, folder=tmp_path)
        made = client.containers.get(server.name).id
        assert servers.start(client, server, folder=tmp_path) == first
        assert client.containers.get(server.name).id == made
        servers.start(client, server, folder=Path(tmp_path, 'other'))
        assert client.containers.get(server.name).id != made, 'another folder, another server'
        broken = servers.Server(server.name, 9000, ['sh', '-c', 'echo no such thing; exit 3'], '/')
        with pytest.raises(OSError, match='does not answer; it said: no such thing'):
            servers.start(client, broken, folder=tmp_path)
    finally:
        for container in client.containers.list(all=True, filters={'name': server.name}):
            container.remove(force=True)

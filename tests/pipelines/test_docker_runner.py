"""Tasks in containers: what Docker is asked for, and with a daemon whether it is so."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from docker.errors import DockerException
from fake_docker import Daemon

from pipelines import docker_runner
from pipelines.docker_runner import Containers, Sandbox, check_image, connect

COMMAND = ['python3', '-m', 'components.train', '--run-id', 'r1']


def containers(daemon, **environment):
    return Containers(environment, lambda stage: None, client=daemon, sandbox=Sandbox(), parameters={'image': 'mine:1'})


def test_the_exit_code_is_asked_for_before_the_container_goes():
    daemon = Daemon(codes=[0, 9, 4])
    tasks = containers(daemon)
    assert [tasks.run(COMMAND, image='i:1') for _ in range(3)] == [0, 9, 4]
    assert tasks.failed == ('components.train', 9) and tasks.run_id == 'r1'
    assert all(container.is_removed for container in daemon.made)
    assert not any(container.options.get('auto_remove') for container in daemon.made)


def test_an_image_named_by_a_parameter_is_looked_up():
    daemon = Daemon()
    containers(daemon).run(COMMAND, image="{{$.inputs.parameters['pipelinechannel--image']}}")
    assert daemon.made[0].image == 'mine:1'
    assert daemon.made[0].options['environment']['PIFPAF_IMAGE'] == 'mine:1'


def test_the_environment_of_the_run_wins_over_that_of_the_task():
    daemon = Daemon()
    containers(daemon, A='ours').run(COMMAND, image='i:1', environment={'A': 'task', 'B': 'task'})
    found = daemon.made[0].options['environment']
    assert (found['A'], found['B']) == ('ours', 'task')


def test_containers_are_unprivileged_and_their_root_stays_as_it_is(tmp_path):
    options = Sandbox(writable=[tmp_path / 'w'], readable=[tmp_path / 'r'], network='net', gpus=2).options()
    assert options['read_only'] and options['cap_drop'] == ['ALL'] and options['user'] == f'{os.getuid()}:{os.getgid()}'
    assert {path: volume['mode'] for path, volume in options['volumes'].items()} == {
        f'{tmp_path}/w': 'rw',
        f'{tmp_path}/r': 'ro',
    }
    assert options['device_requests'][0]['Count'] == 2
    assert Sandbox().options()['device_requests'] is None


def test_an_interruption_reaches_the_stage_and_is_waited_for(capsys):
    daemon = Daemon(interrupt=True)
    with pytest.raises(KeyboardInterrupt):
        containers(daemon).run(COMMAND, image='i:1')
    assert daemon.made[0].killed_with == 'SIGINT' and daemon.made[0].is_removed


def test_without_a_daemon_there_is_one_line(monkeypatch):
    def refuse():
        raise DockerException('Error while fetching\n server API version')

    monkeypatch.setattr(docker_runner.docker, 'from_env', refuse)
    with pytest.raises(OSError, match=r'^no Docker daemon answers \(.*\)\. Start one, or run with --local process$'):
        connect()


def test_an_image_that_is_nowhere_is_named():
    check_image(Daemon(images=['here:1']), 'here:1')
    with pytest.raises(OSError, match=r'the image gone:1 is not on this machine.*pipelines\.images build'):
        check_image(Daemon(), 'gone:1')


@pytest.mark.docker
class TestDaemon:
    """With a daemon, and the smallest of our images."""

    @pytest.fixture
    def tasks(self, docker_image, tmp_path):
        client, image = docker_image('pifpaf-tools:latest')
        tasks = Containers({}, lambda stage: None, client=client, sandbox=Sandbox(writable=[tmp_path]))
        tasks.image = image
        return tasks

    def test_every_failure_is_seen(self, tasks):
        """kfp 2.17's own runner took one of twenty for a success."""
        codes = [tasks.run(['sh', '-c', f'exit {code}'], image=tasks.image) for code in [3, 0] * 10]
        assert codes == [3, 0] * 10

    def test_what_a_container_may(self, tasks, tmp_path, capfd):
        assert tasks.run(['touch', str(tmp_path / 'file'), '/tmp/file'], image=tasks.image) == 0
        assert (tmp_path / 'file').stat().st_uid == os.getuid()
        assert tasks.run(['touch', '/opt/pifpaf/file'], image=tasks.image) == 1
        assert tasks.run(['sh', '-c', 'grep CapEff /proc/self/status; df -k /dev/shm'], image=tasks.image) == 0
        said = capfd.readouterr().out
        assert 'CapEff:\t0000000000000000' in said and '2097152' in said

    def test_ctrl_c_reaches_the_stage_once(self, tasks, tmp_path, repository):
        stage = (
            'import pathlib, signal, sys, time\n'
            'got, out = [], pathlib.Path(sys.argv[1])\n'
            'signal.signal(signal.SIGINT, lambda *_: got.append(1))\n'
            '(out / "ready").touch()\n'
            'while not got: time.sleep(0.01)\n'
            'time.sleep(0.3)\n'
            '(out / "saved").write_text(str(len(got)))\n'
        )
        program = (
            'from pathlib import Path\n'
            'from pipelines.docker_runner import Containers, Sandbox, connect\n'
            f'out = {str(tmp_path)!r}\n'
            'tasks = Containers({}, print, client=connect(), sandbox=Sandbox(writable=[Path(out)]))\n'
            f'tasks.run(["python3", "-c", {stage!r}, out], image={tasks.image!r})\n'
        )
        process = subprocess.Popen([sys.executable, '-c', program], cwd=repository, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not (tmp_path / 'ready').exists():
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.05)
        process.send_signal(2)
        assert process.wait(60) != 0
        assert Path(tmp_path, 'saved').read_text() == '1'

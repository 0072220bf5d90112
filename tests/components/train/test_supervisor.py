"""The supervisor with a trainer that does on disk what the real one does."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from components.runtime.interrupts import as_interrupt
from components.runtime.run_folder import SUCCEEDED, RunFolder
from components.runtime.store import read_object
from components.train.supervisor import Training, accompany, supervise
from components.train.uploads import Uploads

DRIVER = """
import json, sys
from pathlib import Path
from components.runtime.run_folder import RunFolder
from components.train.supervisor import Training, supervise
root, output, argv = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
run = RunFolder(root, 'r1')
print(supervise(Training(run, run.begin_attempt(), argv, output, poll=0.05, heartbeat=0.1))[0])
"""


@pytest.fixture
def output(tmp_path):
    return tmp_path / 'work' / 'net-cocokp'


@pytest.fixture
def training(run, output, trainer):
    """``training(epochs=4)``: supervised to its end; its exit code and summary."""

    def make(**flags):
        argv = trainer(**flags)
        return supervise(Training(run, run.begin_attempt(), argv, output, poll=0.05, heartbeat=0.05))

    return make


def committed(run: RunFolder, epoch: int) -> str:
    return (run.store.read(f'checkpoints/e{epoch:04d}/weights.safetensors') or b'').decode()


def state_epoch(run: RunFolder, folder: Path) -> int:
    return json.loads(run.fetch_state(folder)['state.pt'].read_text())['epoch']


def test_everything_that_the_trainer_commits_is_in_the_store(run, training, tmp_path):
    code, summary = training(epochs=4)
    assert code == 0
    assert run.epochs() == [1, 2, 3, 4]
    assert committed(run, 3) == 'weights of epoch 3'
    assert state_epoch(run, tmp_path / 'state') == 4
    assert run.outcome()['outcome'] == SUCCEEDED
    assert run.outcome()['last_loss'] == summary.last_loss == 69.5
    assert (summary.epochs, summary.first_loss, summary.images_per_second) == (4, 99.5, 8.0)
    assert b'"train-epoch"' in run.store.read('report/train.log')


def test_the_heart_beats_while_the_trainer_runs(run, training):
    beats = set()

    def listen():
        for _ in range(30):
            beats.add((run.heartbeat() or {}).get('time'))
            time.sleep(0.03)

    listener = threading.Thread(target=listen)
    listener.start()
    training(epochs=4, seconds=0.2)
    listener.join()
    assert len(beats) > 4


@pytest.mark.parametrize(('said', 'ours'), [(1, 1), (2, 2), (75, 75), (17, 1)])
def test_exit_codes_are_passed_on(run, training, said, ours):
    assert training(code=said)[0] == ours
    assert run.outcome() is None, 'another attempt may follow'


def test_a_failure_keeps_what_was_committed(run, training, tmp_path):
    assert training(epochs=4, fail_at=2)[0] == 1
    assert run.epochs() == [1, 2]
    assert state_epoch(run, tmp_path / 'state') == 2


def test_a_killed_trainer_is_reported_with_the_likely_cause(run, training, caplog):
    assert training(epochs=4, die_at=1)[0] == 1
    assert 'most often for memory' in caplog.text


def test_another_pod_continues_from_the_store(run, training, output):
    training(epochs=4, fail_at=2)
    for path in output.parent.iterdir():
        path.unlink()
    code, summary = training(epochs=4)
    assert code == 0
    assert run.epochs() == [1, 2, 3, 4]
    assert summary.epochs == 4
    starts = [line for line in run.store.read('report/train.log').decode().splitlines() if '"process"' in line]
    assert len(starts) == 2, 'the log goes on'
    assert read_object(run.store, 'run.json')['attempt'] == 2
    assert read_object(run.store, 'checkpoints/e0004/manifest.json')['attempt'] == 2


def supervisor(run: RunFolder, output: Path, argv: list[str]) -> 'subprocess.Popen[str]':
    root = str(Path(run.uri).parent)
    return subprocess.Popen([sys.executable, '-c', DRIVER, root, str(output), *argv], stdout=subprocess.PIPE, text=True)


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'nothing happened'
        time.sleep(0.02)


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, 75), (signal.SIGINT, 3)])
def test_a_signal_lets_the_trainer_save_and_leave(run, output, trainer, tmp_path, number, code):
    process = supervisor(run, output, trainer(epochs=100, seconds=0.2))
    wait_for(lambda: run.epochs())
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert out.strip() == str(code)
    assert state_epoch(run, tmp_path / 'state') >= 1
    assert run.outcome() is None


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_does_not_end_the_last_upload(run, training, tmp_path, monkeypatch, number):
    """As when the first pod of several saves, and the operator ends it because the preempted one has ended."""
    step = Uploads.step

    def signaled(self, *, last=False):
        if last:
            os.kill(os.getpid(), number)
        return step(self, last=last)

    monkeypatch.setattr(Uploads, 'step', signaled)
    with as_interrupt(signal.SIGTERM, signal.SIGINT):
        code, _ = training(epochs=2)
    assert code == 0
    assert state_epoch(run, tmp_path / 'state') == 2


def test_a_killed_supervisor_is_followed_by_one_that_continues(run, output, trainer):
    process = supervisor(run, output, trainer(epochs=6, seconds=0.2))
    wait_for(lambda: len(run.epochs()) >= 2)
    trainer_pid = json.loads(output.with_name('net-cocokp.state.pt').read_text())['pid']
    process.kill()
    os.kill(trainer_pid, signal.SIGKILL)
    process.wait()
    again = supervisor(run, output, trainer(epochs=6, seconds=0.05))
    assert again.communicate(timeout=30)[0].strip() == '0'
    assert run.epochs() == [1, 2, 3, 4, 5, 6]
    assert run.outcome()['attempt'] == 2


def test_a_lingering_attempt_stops_and_writes_nothing_more(run, output, trainer, caplog):
    attempt = run.begin_attempt()
    argv = trainer(epochs=100, seconds=0.1)

    def take_over():
        wait_for(lambda: run.epochs())
        run.begin_attempt()

    other = threading.Thread(target=take_over)
    other.start()
    code, _ = supervise(Training(run, attempt, argv, output, poll=0.02, heartbeat=1.0))
    other.join()
    assert code == 1
    assert 'a later attempt' in caplog.text
    assert len(run.epochs()) < 10


def test_a_store_that_is_away_for_a_moment_loses_nothing(run, training, monkeypatch, caplog):
    original, failures = run.store.put, iter([True, False, True, True] + [False] * 1000)

    def put(path, key):
        if next(failures):
            raise OSError('the store is away')
        original(path, key)

    monkeypatch.setattr(run.store, 'put', put)
    assert training(epochs=3)[0] == 0
    assert run.epochs() == [1, 2, 3]
    assert 'trying again: the store is away' in caplog.text


@pytest.mark.parametrize(('said', 'ours'), [(0, 0), (1, 1), (75, 75)])
def test_a_further_node_starts_from_the_state_and_writes_nothing(run, training, trainer, output, said, ours):
    training(epochs=2)
    before = sorted(run.store.list(''))
    second = output.parent.parent / 'second' / output.name
    argv = trainer(epochs=2) if said == 0 else trainer(code=said)
    second.parent.mkdir()
    assert accompany(Training(run, 0, argv, second, poll=0.05)) == ours
    assert json.loads(second.with_name(f'{second.name}.state.pt').read_text())['epoch'] == 2
    assert sorted(run.store.list('')) == before

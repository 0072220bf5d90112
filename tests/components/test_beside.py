"""watch-evaluate beside train, as processes on one store, with kills: each checkpoint is evaluated exactly once."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from components.runtime.run_folder import SUCCEEDED, RunFolder
from components.runtime.tracked_run import TrackedRun

TRAINER = """
import sys
from pathlib import Path
from components.runtime.run_folder import RunFolder
from components.train.supervisor import Training, supervise
root, output, argv = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
run = RunFolder(root, 'r1')
sys.exit(supervise(Training(run, run.begin_attempt(), argv, output, poll=0.1, heartbeat=0.2))[0])
"""

EVALUATOR = """
import json, os, sys, time
from pathlib import Path
from components.runtime import core
from components.watch_evaluate import __main__ as watch_evaluate

journal = sys.argv[1]

def note(what, epoch):
    with open(journal, 'a') as file:
        file.write(f'{os.getpid()} {what} {epoch}\\n')

def evaluate(argv, *, tick=lambda: None, **_):
    flags = dict(a[2:].split('=', 1) for a in argv if a.startswith('--') and '=' in a)
    checkpoint = Path(flags['checkpoint'])
    epoch = int(checkpoint.name.split('epoch')[1][:3])
    assert checkpoint.read_text() == f'weights of epoch {epoch}'
    note('began', epoch)
    for _ in range(2 if sys.argv[2] == 'go' else 10_000):
        tick()
        time.sleep(0.1)
    stats = {'text_labels': ['AP'], 'stats': [epoch / 10], 'n_images': 1}
    Path(flags['output'], f'{checkpoint.name}.eval-cocokp.stats.json').write_text(json.dumps(stats))
    note('ended', epoch)

core.run = evaluate
sys.exit(watch_evaluate.main(sys.argv[3:]))
"""


class Scene:
    """A run in a store, its data set, and processes on it, which end with the test."""

    def __init__(self, root, tmp_path, trainer):
        self.root, self.tmp_path, self._trainer = root, tmp_path, trainer
        self.run = RunFolder(root, 'r1')
        dataset = {'name': 'cocokp', 'digest': 'd' * 64, 'uri': 'somewhere'}
        self.run.update_record(experiment='beside', tags={'git.dirty': 'false'}, dataset=dataset)
        (tmp_path / 'data').mkdir()
        (tmp_path / 'data' / 'manifest.json').write_text('{"digest": "d"}')
        self._processes = []

    def start(self, program, *arguments):
        process = subprocess.Popen(
            [sys.executable, '-c', program, *map(str, arguments)], stderr=subprocess.PIPE, text=True
        )
        self._processes.append(process)
        return process

    def train(self, **flags):
        return self.start(TRAINER, self.root, self.tmp_path / 'work' / 'net-cocokp', *self._trainer(**flags))

    def evaluate(self, *, hold=False, **flags):
        """Start an evaluator; one that holds never gets ready."""
        flags = {'poll': 0.5, 'claim-expires': 8, 'lost-after': 60, 'eval-epochs': '*', **flags}
        flags |= {'run-root': self.root, 'run-id': 'r1', 'dataset-uri': self.tmp_path / 'data'}
        flags |= {'work-dir': self.tmp_path / f'work{len(self._processes)}'}
        argv = [f'--{name}={value}' for name, value in flags.items()]
        return self.start(EVALUATOR, self.tmp_path / 'journal', 'hold' if hold else 'go', *argv)

    def journal(self):
        path = self.tmp_path / 'journal'
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def end(self):
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def scene(s3, tmp_path, trainer):
    found = Scene(f'{s3}/runs', tmp_path, trainer)
    yield found
    found.end()


def wait_for(condition, seconds=240.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'nothing happened'
        time.sleep(0.02)


def kill_training(scene, process):
    """The whole pod at once: supervisor and trainer."""
    state = scene.tmp_path / 'work' / 'net-cocokp.state.pt'
    pid = int(state.read_text().partition('"pid": ')[2].rstrip('}'))
    process.kill()
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(900)
def test_each_checkpoint_is_evaluated_once_whoever_is_killed(scene, mlflow_database):
    TrackedRun(scene.run, scene.tmp_path / 'absent.log').tracker()
    victim = scene.evaluate(hold=True)
    training = scene.train(epochs=8, seconds=2.0)
    wait_for(lambda: [what for _, what, _ in scene.journal()] == ['began'])
    evaluators = [scene.evaluate()]
    wait_for(lambda: len(scene.run.epochs()) >= 2)
    kill_training(scene, training)
    victim.kill()
    again = scene.train(epochs=8, seconds=0.1)
    evaluators.append(scene.evaluate())
    assert again.wait(400) == 0
    for evaluator in evaluators:
        _, error = evaluator.communicate(timeout=400)
        assert evaluator.returncode == 0, error
    assert scene.run.outcome()['outcome'] == SUCCEEDED
    assert scene.run.outcome()['attempt'] == 2
    ended = Counter(int(epoch) for _, what, epoch in scene.journal() if what == 'ended')
    assert ended == dict.fromkeys(range(1, 9), 1)
    assert len({pid for pid, *_ in scene.journal()}) >= 2, 'the work was shared'
    run_id = scene.run.record()['mlflow']['run_id']
    curve = mlflow_database.get_metric_history(run_id, 'val/AP')
    assert sorted((point.step, point.value) for point in curve) == [(epoch, epoch / 10) for epoch in range(1, 9)]
    best = mlflow_database.get_model_version_by_alias('beside', 'best')
    assert best.tags['checkpoint'] == scene.run.checkpoint_uri(8)
    assert best.tags['checkpoint'].endswith('/checkpoints/e0008/weights.attempt2.safetensors')


def test_a_trainer_that_never_comes_back_is_reported(scene):
    training = scene.train(epochs=100, seconds=0.3)
    evaluator = scene.evaluate(**{'lost-after': 2})
    wait_for(lambda: scene.run.epochs())
    kill_training(scene, training)
    _, error = evaluator.communicate(timeout=400)
    assert evaluator.returncode == 1
    assert error.splitlines()[-1].startswith('pifpaf components.watch_evaluate: ')
    assert 'no sign of life from training for 2 s. Look at the train stage, and run both again' in error
    assert scene.run.evaluated_epochs() == scene.run.epochs(), 'what it committed is evaluated'

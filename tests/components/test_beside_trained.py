"""watch-evaluate beside train with nothing faked: both programs as pods run them, a real store, MLflow on sqlite.

`test_beside` has the order of events under control and so the races; here the network is trained and evaluated.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from components.runtime.run_folder import SUCCEEDED, RunFolder
from components.runtime.store import open_store

pytestmark = [pytest.mark.nightly, pytest.mark.s3, pytest.mark.timeout(7200)]

#: the attempts share no folder, so that the annotations of the second lie elsewhere
OPTIONS = {
    'loader-workers': 0,
    'val-interval': 1,
    'state-interval': 0.05,
    'resume-override': ['cocokp-train-annotations', 'cocokp-val-annotations'],
}
EPOCHS = 4


class Pods:
    """Programs of stages as processes on one run, each with a folder of its own; they end with the test."""

    def __init__(self, root, tmp_path, repository):
        self._root, self._tmp_path, self._repository = root, tmp_path, repository
        self._processes = []

    def start(self, stage, **flags):
        work = self._tmp_path / f'pod{len(self._processes)}'
        where = {'run-root': self._root, 'run-id': 'beside', 'work-dir': work, **flags}
        argv = [f'--{name}={value}' for name, value in where.items()]
        environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
        process = subprocess.Popen(
            [sys.executable, '-m', f'components.{stage}', *argv], cwd=self._repository, env=environment,
            stderr=(self._tmp_path / f'{stage}{len(self._processes)}.log').open('w'), start_new_session=True,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def kill(self, process):
        """As the loss of a node would: the program and all that it started."""
        everything = subprocess.run(
            ['ps', '-eo', 'pid=,ppid='], capture_output=True, text=True, check=True
        ).stdout.split('\n')
        children: dict[int, list[int]] = {}
        for line in filter(None, everything):
            pid, parent = map(int, line.split())
            children.setdefault(parent, []).append(pid)
        doomed = [process.pid]
        for pid in doomed:
            doomed += children.get(pid, [])
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def end(self):
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)

    def said(self):
        """What all of them wrote, for a failed test."""
        return '\n'.join(path.read_text()[-3000:] for path in sorted(self._tmp_path.glob('*.log')))


@pytest.fixture
def pods(radosgw, tmp_path, repository):
    found = Pods(f'{radosgw}/runs', tmp_path, repository)
    yield found
    found.end()


def wait_for(condition, pods, seconds=1200.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f'nothing happened:\n{pods.said()}'
        time.sleep(0.1)


def test_a_training_that_is_killed_is_evaluated_to_its_end(pods, radosgw, repository, mlflow_database):
    source, split = repository / 'examples/coco-eight', '{"val-is-train": true}'
    prepared = pods.start('prepare_dataset', **{'source': source, 'prepare-options': split})
    assert prepared.wait(600) == 0, pods.said()
    store = open_store(f'{radosgw}/runs')
    (manifest,) = [key for key, _ in store.list('datasets/') if key.endswith('/manifest.json')]
    dataset = f'{radosgw}/runs/{manifest.removesuffix("/manifest.json")}'
    run = RunFolder(f'{radosgw}/runs', 'beside')

    def train():
        what = {'basenet': 'tiny', 'batch-size': 4, 'square-edge': 65, 'gpus': 0, 'epochs': EPOCHS, 'poll': 0.5}
        options = {'train-options': json.dumps(OPTIONS), 'experiment': 'beside', 'heartbeat-interval': 1}
        return pods.start('train', **{'dataset-uri': dataset, **what, **options})

    def evaluate():
        where = {'dataset-uri': dataset, 'eval-epochs': '*', 'poll': 1, 'claim-expires': 30}
        return pods.start('watch_evaluate', **where, **{'eval-options': '{"coco-eval-long-edge": 97}'})

    training, evaluators = train(), [evaluate()]
    wait_for(lambda: len(run.epochs()) >= 2, pods)
    pods.kill(training)
    evaluators.append(evaluate())
    reached = run.epochs()
    again = train()
    assert again.wait(3600) == 0, pods.said()
    assert [evaluator.wait(3600) for evaluator in evaluators] == [0, 0], pods.said()
    outcome = run.outcome()
    assert (outcome['outcome'], outcome['attempt'], outcome['epochs']) == (SUCCEEDED, 2, EPOCHS)
    assert run.epochs() == list(range(EPOCHS + 1)) and set(reached) < set(run.epochs())
    trained = run.epochs()[1:]
    assert run.evaluated_epochs() == trained
    curve = mlflow_database.get_metric_history(run.record()['mlflow']['run_id'], 'val/AP')
    assert Counter(point.step for point in curve) == dict.fromkeys(trained, 1)
    assert {point.step: point.value for point in curve} == {
        epoch: found['metrics']['AP'] for epoch, found in run.evaluations().items()
    }

"""Two pods train as one, for real: two supervisors, torchrun, gloo; one is preempted, both save, and both continue."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from components.runtime.run_folder import SUCCEEDED, RunFolder

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

#: pods have folders of one name; these two share a machine, so that the folders of their annotations differ
PLACES = ['cocokp-train-annotations', 'cocokp-val-annotations']
OPTIONS = {'loader-workers': 0, 'val-interval': 1, 'state-interval': 0.05, 'resume-override': ['epochs', *PLACES]}


@pytest.fixture
def root(tmp_path, repository):
    """Where runs live, with the eight photographs as the only data set: (root, its URI)."""
    source = ['--source', str(repository / 'examples/coco-eight'), '--prepare-options', '{"val-is-train": true}']
    where = ['--run-root', str(tmp_path / 'runs'), '--run-id', 'two', '--work-dir', str(tmp_path / 'prepare')]
    subprocess.run([sys.executable, '-m', 'components.prepare_dataset', *where, *source], cwd=repository, check=True)
    (dataset,) = (tmp_path / 'runs/datasets').iterdir()
    return tmp_path / 'runs', dataset


@pytest.fixture
def pods(root, repository, tmp_path):
    """``pods(epochs=6)``: both pods, started with what Kubeflow Trainer injects."""
    started = []

    def start(*, epochs):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = str(probe.getsockname()[1])
        where = ['--run-root', str(root[0]), '--run-id', 'two', '--dataset-uri', str(root[1])]
        what = ['--basenet', 'tiny', '--epochs', str(epochs), '--batch-size', '2', '--square-edge', '65', '--gpus', '0']
        both = []
        for rank in range(2):
            pet = {
                'PET_NNODES': '2',
                'PET_NODE_RANK': str(rank),
                'PET_MASTER_ADDR': '127.0.0.1',
                'PET_MASTER_PORT': port,
            }
            argv = ['-m', 'components.train', *where, *what, '--train-options', json.dumps(OPTIONS)]
            environment = {**os.environ, **pet, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
            both.append(
                subprocess.Popen(
                    [sys.executable, *argv, '--work-dir', str(tmp_path / f'pod{rank}-{len(started)}')],
                    cwd=repository, env=environment,
                )
            )  # fmt: skip
        started.extend(both)
        return both

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_preempted_pod_lets_both_save_and_both_continue(pods, root):
    run = RunFolder(str(root[0]), 'two')
    first = pods(epochs=500)
    end = time.monotonic() + 900
    while not run.epochs():
        assert time.monotonic() < end and all(process.poll() is None for process in first)
        time.sleep(0.2)
    first[1].send_signal(signal.SIGTERM)
    assert [process.wait(300) for process in first] == [75, 75]
    reached = max(run.epochs())
    second = pods(epochs=reached + 2)
    assert [process.wait(900) for process in second] == [0, 0]
    assert run.outcome()['outcome'] == SUCCEEDED
    assert run.epochs()[-1] == reached + 2, 'it went on where it was, and did not begin again'
    assert run.outcome()['epochs'] == reached + 2

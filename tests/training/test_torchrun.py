"""The wrapper of torchrun, with real torchrun and workers that import nothing."""

import os
import signal
import subprocess
import sys

import pytest
from workers import WORKER, wait_for

from pifpaf_core.training.torchrun import _exit_code


@pytest.fixture
def torchrun(tmp_path):
    (tmp_path / 'worker.py').write_text(WORKER)

    def start(*arguments, processes=1):
        argv = ['-m', 'pifpaf_core.training.torchrun', '--standalone', f'--nproc-per-node={processes}']
        environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
        return subprocess.Popen(
            [sys.executable, *argv, str(tmp_path / 'worker.py'), str(tmp_path), *arguments],
            env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def test_the_exit_code_is_the_workers_and_nothing_is_added_to_what_they_said(torchrun):
    process = torchrun('2')
    _, error = process.communicate(timeout=100)
    assert process.returncode == 2
    assert 'Traceback' not in error


def test_sigterm_lets_all_workers_save(torchrun, tmp_path):
    process = torchrun(processes=2)
    for rank in '01':
        wait_for(tmp_path / rank, 'ready')
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert [(tmp_path / rank).read_text() for rank in '01'] == ['saved', 'saved']


FAILING = """
import sys, time, torch
from pifpaf_core.training.distributed import DistributedOptions, connect
try:
    with connect(DistributedOptions(ddp=True, disable_cuda=True)) as world:
        if world.rank == 1:
            raise ValueError('image 7 is damaged')
        world.gather(torch.zeros(1))
except (ValueError, ConnectionError) as error:
    sys.exit(f'pifpaf train: {error}')
"""


def test_a_failed_process_ends_the_others_with_its_error_on_top(tmp_path, repository):
    (tmp_path / 'failing.py').write_text(FAILING)
    argv = ['-m', 'pifpaf_core.training.torchrun', '--standalone', '--nproc-per-node=2', str(tmp_path / 'failing.py')]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(repository)}
    done = subprocess.run([sys.executable, *argv], env=environment, capture_output=True, text=True, timeout=200)
    lines = [line for line in done.stderr.splitlines() if line.startswith('pifpaf train')]
    assert (done.returncode, lines[0]) == (1, 'pifpaf train: image 7 is damaged')
    assert lines[1:] in ([], ['pifpaf train: another process of this training has ended. See what it said'])
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(('codes', 'code'), [([1], 1), ([2, -15], 2), ([-15, 75], 75), ([-9], 137)])
def test_one_code_for_several_workers(codes, code):
    assert _exit_code(codes) == code

import json
import os
import subprocess
import sys

import pytest
import torch

from pifpaf_core import train
from pifpaf_core.training import launch
from pifpaf_core.training.distributed import DistributedOptions


@pytest.fixture
def gpus(monkeypatch):
    def see(number):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: number > 0)
        monkeypatch.setattr(torch.cuda, 'device_count', lambda: number)

    return see


@pytest.mark.parametrize(
    ('number', 'batch_size', 'expected'),
    [(0, 32, 1), (1, 32, 1), (2, 32, 2), (8, 32, 8), (3, 32, 2), (2, 33, 1), (4, 1, 1)],
)
def test_one_process_for_each_gpu_that_can_have_its_part(gpus, caplog, number, batch_size, expected):
    gpus(number)
    assert launch.processes(DistributedOptions(), {}, batch_size=batch_size) == expected
    told = [record.message for record in caplog.records]
    assert bool(told) is (expected < number)
    assert all(f'{expected} of {number} GPUs are used: --batch-size={batch_size}' in text for text in told)


@pytest.mark.parametrize(
    ('options', 'environment'),
    [
        (DistributedOptions(ddp=True), {}),
        (DistributedOptions(disable_cuda=True), {}),
        (DistributedOptions(mps=True), {}),
        (DistributedOptions(), {'RANK': '0', 'WORLD_SIZE': '1'}),
    ],
)
def test_who_knows_better_is_left_alone(gpus, options, environment):
    gpus(4)
    assert launch.processes(options, environment, batch_size=32) == 1


PROGRAM = """
import sys, torch
torch.cuda.is_available, torch.cuda.device_count = lambda: True, lambda: 2
from pifpaf_core import train
sys.exit(train.main(sys.argv[1:]))
"""


def test_a_command_becomes_two_processes_and_continues_as_one(tmp_path, repository, capfd):
    """As on a machine with two GPUs, but the two processes find none and so train on the CPU."""
    annotations = repository / 'examples/coco-eight/annotations/person_keypoints_val2017.json'
    images = repository / 'examples/coco-eight/images/val2017'
    arguments = [
        '--dataset=cocokp', '--basenet=tiny', '--cocokp-square-edge=49', '--batch-size=4', '--loader-workers=0',
        f'--cocokp-train-annotations={annotations}', f'--cocokp-train-image-dir={images}', '--epochs=1', '--lr-decay',
        '5', '7', f'--cocokp-val-annotations={annotations}', f'--cocokp-val-image-dir={images}', '--val-batches=1',
        f'--output={tmp_path}/mine',
    ]  # fmt: skip
    environment = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(repository)}
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert 'starting on 2 GPUs: --batch-size=4 means 2 images on each' in done.stderr
    assert 'process 0 of 2 on cpu' in done.stderr
    state = torch.load(tmp_path / 'mine.state.pt', weights_only=True)
    assert (state['world_size'], state['n_batches']) == (2, 2)
    options = state['options']
    assert (options['batch-size'], options['ddp'], options['lr-decay']) == (2, True, [5.0, 7.0])

    alone = [argument for argument in arguments if argument not in ('--batch-size=4', '--epochs=1')]
    alone += ['--disable-cuda', '--epochs=2', '--resume-override', 'epochs']
    assert train.main([*alone, '--batch-size=3']) == 2
    assert '--batch-size was 2 and is 3' in capfd.readouterr().err
    assert train.main([*alone, '--batch-size=4']) == 0  # the same batch, split over other processes
    assert 'the state is from 2 processes with 2 batches an epoch, now 1 with 2: ' in capfd.readouterr().err
    records = [json.loads(line) for line in (tmp_path / 'mine.log').read_text().splitlines()]
    assert [record['epoch'] for record in records if record.get('type') == 'train-epoch'] == [1, 2]

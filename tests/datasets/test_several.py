"""Two data sets trained at once, through the command: weighted turns, masked heads, the same in two processes."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from instances import box_folder, files, keypoint_folder
from safetensors.torch import load_file

from pifpaf_core import train
from pifpaf_core.skeletons.cocokp import COCO_PERSON


@pytest.fixture
def flags(tmp_path):
    """Eight images of people and eight of boxes; people count twice as much."""
    people = keypoint_folder(tmp_path / 'people', COCO_PERSON, n=8)
    boxes = box_folder(tmp_path / 'boxes', n=8)
    return [
        '--dataset=cocokp-cocodet', '--dataset-weights', '1.0', '0.5', '--basenet=tiny', '--square-edge=65',
        '--epochs=1', '--disable-cuda', '--log-interval=1', '--loader-workers=0', '--quiet',
        *files('cocokp', people), *files('cocodet', boxes),
    ]  # fmt: skip


def batches(output):
    """The head losses of each training batch."""
    records = [json.loads(line) for line in output.with_name(f'{output.name}.log').read_text().splitlines()]
    return [record['head_losses'] for record in records if record.get('type') == 'train']


def test_weights_masks_and_repetition(flags, tmp_path):
    for name in ('one', 'again'):
        assert train.main([*flags, '--batch-size=2', f'--output={tmp_path}/{name}']) == 0
    losses = batches(tmp_path / 'one')
    present = [[value is not None for value in components] for components in losses]
    people, boxes = [True] * 6 + [False] * 2, [False] * 6 + [True] * 2
    assert present == [people, boxes, people, people, boxes, people]
    assert losses == batches(tmp_path / 'again')


def test_two_processes_are_as_one_with_twice_the_batch(flags, tmp_path, repository):
    assert train.main([*flags, '--batch-size=2', f'--output={tmp_path}/one']) == 0
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    launch = [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node=2', f'--master-port={port}']
    argv = ['-m', 'pifpaf_core.train', '--ddp', *flags, '--batch-size=1', f'--output={tmp_path}/two']
    environment = {**os.environ, 'PYTHONPATH': str(repository), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run([*launch, *argv], env=environment, check=False, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    one, two = (load_file(tmp_path / f'{name}.epoch001.safetensors') for name in ('one', 'two'))
    assert all(torch.allclose(one[key].float(), two[key].float(), atol=1e-3) for key in one)
    assert any((one[key] != load_file(tmp_path / 'one.epoch000.safetensors')[key]).any() for key in one)

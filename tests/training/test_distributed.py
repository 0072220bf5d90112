import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pifpaf_core.command import UsageError
from pifpaf_core.training import distributed
from pifpaf_core.training.distributed import DistributedOptions, World, connect

DDP = DistributedOptions(ddp=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def test_two_processes(tmp_path, repository):
    """Everything in two_processes.py: as one with twice the batch, resumed to the bit, ended together."""
    common = {
        **os.environ, 'WORLD_SIZE': '2', 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(free_port()),
        'PYTHONPATH': str(repository), 'OMP_NUM_THREADS': '1',
    }  # fmt: skip
    script = Path(__file__).parent / 'two_processes.py'
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=200)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], '\n'.join(outputs)
    assert all('fine 1' in output for output in outputs)


def test_alone():
    with connect(DistributedOptions(disable_cuda=True)) as world:
        assert (world.rank, world.size, world.is_main, world.device.type) == (0, 1, True, 'cpu')
        assert world.local_size == 1


def test_alone_nothing_is_exchanged():
    world = World()
    assert world.any(True, False) == (True, False)
    assert world.broadcast('x') == 'x'
    assert world.gather(torch.tensor([1.0])).tolist() == [[1.0]]
    module = torch.nn.Conv2d(1, 1, 1)
    assert world.parallel(module, unused_parameters=False) is module


def test_environment_of_torchrun():
    given = {'RANK': '3', 'WORLD_SIZE': '4', 'LOCAL_RANK': '1', 'OTHER': 'x'}
    assert distributed._environment(given, DDP) == {'RANK': '3', 'WORLD_SIZE': '4', 'LOCAL_RANK': '1'}


def test_local_rank_of_the_old_launcher():
    given = {'RANK': '3', 'WORLD_SIZE': '4'}
    options = DistributedOptions(ddp=True, local_rank=1)
    assert distributed._environment(given, options)['LOCAL_RANK'] == '1'


def test_environment_of_slurm():
    given = {
        'SLURM_PROCID': '5',
        'SLURM_NTASKS': '8',
        'SLURM_LOCALID': '1',
        'SLURM_NODELIST': 'node7,node9',
        'SLURM_JOB_ID': '40001',
    }
    found = distributed._environment(given, DDP)
    assert (found['RANK'], found['WORLD_SIZE'], found['LOCAL_RANK']) == ('5', '8', '1')
    assert (found['MASTER_ADDR'], found['MASTER_PORT']) == ('node7', '15001')


def test_slurm_lists_are_expanded_by_scontrol(tmp_path, monkeypatch):
    fake = tmp_path / 'scontrol'
    fake.write_text('#!/bin/sh\n[ "$*" = "show hostnames n[01-04],m7" ] && printf "n01\\nn02\\n"\n')
    fake.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    assert distributed._first_node('n[01-04],m7') == 'n01'


def test_slurm_respects_a_given_address():
    given = {'SLURM_PROCID': '0', 'SLURM_NTASKS': '2', 'MASTER_ADDR': 'head', 'MASTER_PORT': '99'}
    found = distributed._environment(given, DDP)
    assert 'MASTER_ADDR' not in found and 'MASTER_PORT' not in found


def test_ddp_without_a_launcher():
    with pytest.raises(UsageError, match='torchrun'):
        distributed._environment({}, DDP)


def test_launched_without_ddp():
    with pytest.raises(UsageError, match='Add --ddp'):
        distributed._environment({'WORLD_SIZE': '2', 'RANK': '0'}, DistributedOptions())
    assert distributed._environment({'WORLD_SIZE': '1', 'RANK': '0'}, DistributedOptions()) is None


def test_local_size(monkeypatch):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    assert World(rank=0, size=8).local_size == 4
    assert World().local_size == 1


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    chosen = []
    monkeypatch.setattr(torch.cuda, 'set_device', chosen.append)
    assert distributed._device(DistributedOptions(disable_cuda=True), None) == torch.device('cpu')
    assert distributed._device(DDP, {'LOCAL_RANK': '1'}) == torch.device('cuda', 1)
    assert chosen == [1]
    with pytest.raises(UsageError, match='finds 2 GPUs'):
        distributed._device(DDP, {'LOCAL_RANK': '2'})


def test_a_slurm_task_with_a_gpu_of_its_own_uses_it(monkeypatch):
    """--gpus-per-task=1 or --gpu-bind: each task sees one GPU, whatever its number on the machine."""
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'set_device', lambda index: None)
    monkeypatch.setenv('SLURM_PROCID', '3')
    assert distributed._device(DDP, {'LOCAL_RANK': '3'}) == torch.device('cuda', 0)
    monkeypatch.delenv('SLURM_PROCID')
    with pytest.raises(UsageError, match='finds 1 GPUs'):  # two processes must not share a GPU by accident
        distributed._device(DDP, {'LOCAL_RANK': '3'})


def test_several_slurm_tasks_without_ddp():
    with pytest.raises(UsageError, match='one of 2 processes, without --ddp'):
        distributed._environment({'SLURM_PROCID': '0', 'SLURM_STEP_NUM_TASKS': '2'}, DistributedOptions())
    assert distributed._environment({'SLURM_STEP_NUM_TASKS': '1'}, DistributedOptions()) is None


def test_the_gpu_of_apple_is_untested_and_says_so(monkeypatch, caplog):
    options = DistributedOptions(mps=True)
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: False)
    with pytest.raises(UsageError, match='Leave --mps out'):
        distributed._device(options, None)
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: True)
    assert distributed._device(options, None) == torch.device('mps')
    assert 'untested' in caplog.text
    with pytest.raises(UsageError, match='several processes'):
        distributed._device(options, {'LOCAL_RANK': '0'})

"""Which node this is, and two nodes that find each other by real torchrun."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from components.train.nodes import Node, this_node

PET = {'PET_NNODES': '2', 'PET_NODE_RANK': '1', 'PET_MASTER_ADDR': 'first', 'PET_MASTER_PORT': '29400'}


@pytest.mark.parametrize(
    ('environment', 'node'),
    [
        ({}, Node()),
        ({**PET, 'PET_NNODES': '1'}, Node()),
        (PET, Node(1, 2, 'first', 29400)),
        ({'PET_NNODES': '2', 'RANK': '0', 'MASTER_ADDR': 'm'}, Node(0, 2, 'm', 29500)),
    ],
)
def test_the_environment_says_which_node_this_is(environment, node):
    assert this_node(environment) == node


@pytest.mark.parametrize('missing', ['PET_NODE_RANK', 'PET_MASTER_ADDR'])
def test_half_a_description_is_refused(missing):
    with pytest.raises(ValueError, match=r'does not say which node.*TrainJob'):
        this_node({name: value for name, value in PET.items() if name != missing})


def test_only_several_nodes_need_an_address():
    assert Node().torchrun_arguments() == ['--standalone']
    assert Node(1, 2, 'first', 29400).torchrun_arguments() == [
        '--nnodes=2', '--node-rank=1', '--master-addr=first', '--master-port=29400',
    ]  # fmt: skip


WORKER = """
import os, signal, sys, time
from pathlib import Path
terminated = []
signal.signal(signal.SIGTERM, lambda *_: terminated.append(1))
place = Path(sys.argv[1])
(place / os.environ['RANK']).write_text(os.environ['WORLD_SIZE'])
while not terminated and not (place / 'leave').exists():
    time.sleep(0.02)
(place / 'leave').touch()  # as the trainer's vote, which reaches every rank
sys.exit(75)
"""


def test_two_nodes_train_as_one_and_sigterm_to_one_reaches_both(tmp_path):
    (tmp_path / 'worker.py').write_text(WORKER)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    processes = []
    for rank in range(2):
        arguments = Node(rank, 2, '127.0.0.1', port).torchrun_arguments()
        argv = ['-m', 'components.train.torchrun', *arguments, '--nproc-per-node=1', str(tmp_path / 'worker.py')]
        environment = {**os.environ, 'PET_NNODES': '2', 'PET_NODE_RANK': str(rank), 'OMP_NUM_THREADS': '1'}
        processes.append(subprocess.Popen([sys.executable, *argv, str(tmp_path)], env=environment))
    end = time.monotonic() + 100
    while not all((tmp_path / rank).exists() for rank in '01'):
        assert time.monotonic() < end
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in processes] == [75, 75]
    assert [(tmp_path / rank).read_text() for rank in '01'] == ['2', '2']

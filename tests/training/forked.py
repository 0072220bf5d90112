"""Trainings as processes that start in no time: forked from one that has imported everything, to be killed."""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys

FORKS = multiprocessing.get_context('forkserver')
FORKS.set_forkserver_preload(
    [
        *('pifpaf_core.train', 'pifpaf_core.datasets.cocokp', 'pifpaf_core.datasets.cocodet'),
        *('pifpaf_core.encoders.caf', 'pifpaf_core.encoders.cif', 'pifpaf_core.encoders.cifdet', 'torch._dynamo'),
    ]
)


def train(argv, environment, errors):
    """The whole command, in a session of its own so that its loader workers can be killed with it."""
    os.setsid()
    os.environ.update(environment)
    file = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    from pifpaf_core.train import main

    sys.exit(main(argv))


class Training:
    """One training on some processes; what they say is appended to a file."""

    def __init__(self, argv, *, processes, errors):
        self._processes = [
            FORKS.Process(target=train, args=(argv, environment, str(errors)))
            for environment in ([{}] if processes == 1 else _ranks(processes))
        ]
        for process in self._processes:
            process.start()

    def is_running(self):
        """Whether all of its processes are."""
        return all(process.is_alive() for process in self._processes)

    def kill(self):
        """SIGKILL for all of them and their children."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)
        self.wait()

    def wait(self):
        """The exit codes."""
        for process in self._processes:
            process.join(timeout=600)
        return [process.exitcode for process in self._processes]


def _ranks(n):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    common = {'WORLD_SIZE': str(n), 'LOCAL_WORLD_SIZE': str(n), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}
    return [{**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)} for rank in range(n)]

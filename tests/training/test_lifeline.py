import os
import subprocess
import sys

import pytest

from pifpaf_core.command import PREEMPTED
from pifpaf_core.training.lifeline import LAUNCHER

PROGRAM = 'from pifpaf_core.training.lifeline import end_with_parent; end_with_parent(); print("goes on")'


def run(**variables):
    environment = {name: value for name, value in os.environ.items() if name != LAUNCHER} | variables
    return subprocess.run([sys.executable, '-c', PROGRAM], env=environment, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize('variables', [{}, {LAUNCHER: str(os.getpid())}])
def test_a_worker_whose_launcher_lives_goes_on(variables):
    assert run(**variables).stdout == 'goes on\n'


def test_a_worker_whose_launcher_died_while_it_was_loading_ends():
    """It is somebody else's child by now, and would wait for the other processes."""
    dead = subprocess.Popen([sys.executable, '-c', ''])
    dead.wait()
    done = run(**{LAUNCHER: str(dead.pid)})
    assert (done.returncode, done.stdout) == (PREEMPTED, '')

"""How a trainer's end is read."""

import os
import signal
import sys
import time

import pytest

from components.train.trainer import Trainer

LOADING = [sys.executable, '-c', 'import time; time.sleep(60)']


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, 75), (signal.SIGINT, 3)])
def test_a_trainer_that_is_ended_while_it_is_still_loading_was_preempted_or_canceled(number, code):
    """Before Python has a handler SIGTERM kills it: nothing is lost, so this is no failure."""
    with Trainer(LOADING) as trainer:
        time.sleep(0.2)
        os.kill(os.getpid(), number)
        while trainer.is_running(0.1):
            pass
    assert trainer.code == code


@pytest.mark.parametrize('said', ['sys.exit(143)', 'os.kill(os.getpid(), 15)', 'sys.exit(1)'])
def test_what_nobody_asked_for_is_a_failure(said):
    with Trainer([sys.executable, '-c', f'import os, sys; {said}']) as trainer:
        while trainer.is_running(0.1):
            pass
    assert trainer.code == 1

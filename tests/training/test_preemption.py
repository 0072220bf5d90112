import os
import signal
import threading

import pytest

from pifpaf_core.command import Preempted
from pifpaf_core.training.preemption import Preemption


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def test_first_signal_asks_and_second_one_leaves():
    before = signal.getsignal(signal.SIGTERM)
    with Preemption() as preemption:
        assert not preemption.requested
        terminate()
        assert preemption.requested
        with pytest.raises(Preempted, match='Run the same command'):
            terminate()
    assert signal.getsignal(signal.SIGTERM) == before


def test_at_once():
    with Preemption(at_once=True) as preemption, pytest.raises(Preempted):
        terminate()
    assert not preemption.requested


def test_inner_and_outer():
    """Setting up may be left at once, the training within asks first."""
    with Preemption(at_once=True):
        with Preemption() as inner:
            terminate()
            assert inner.requested
        with pytest.raises(Preempted):
            terminate()


def test_another_thread_leaves_signals_alone():
    before, during = signal.getsignal(signal.SIGTERM), []

    def work():
        with Preemption():
            during.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == [before]

"""The thread between the trainer's log and MLflow: a server that is away costs nothing and loses nothing."""

import time

from components.runtime.tracking import TrackingError
from components.train.tracking_thread import TrackingThread


class Tracked:
    """Stands for a `TrackedRun`: forwards, or raises while the server is away."""

    def __init__(self, outage=0.0):
        self.until = time.monotonic() + outage
        self.calls = 0

    def forward(self):
        self.calls += 1
        if time.monotonic() < self.until:
            raise TrackingError('connection refused')


def test_all_is_sent_before_it_finishes():
    tracked = Tracked()
    thread = TrackingThread(tracked, interval=0.01)
    thread.start()
    assert thread.finish(5.0)
    assert tracked.calls >= 1


def test_an_outage_is_said_once_and_so_is_its_end(caplog):
    caplog.set_level('INFO')
    thread = TrackingThread(Tracked(outage=0.3), interval=0.02)
    thread.start()
    time.sleep(0.5)
    assert thread.finish(5.0)
    assert caplog.text.count('MLflow is away') == 1
    assert caplog.text.count('MLflow is back') == 1


def test_it_waits_for_the_server_at_the_end_but_not_for_ever():
    patient = TrackingThread(Tracked(outage=0.3), interval=0.02)
    patient.start()
    assert patient.finish(10.0)
    hopeless = TrackingThread(Tracked(outage=1000.0), interval=0.02)
    hopeless.start()
    began = time.monotonic()
    assert not hopeless.finish(0.2)
    assert time.monotonic() - began < 20.0

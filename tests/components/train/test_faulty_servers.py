"""Servers that are slow, refuse, fail or tell wrong: training goes on, and everything is committed in the end."""

import contextlib
import time
import urllib.parse

import pytest
from forwarding import forwarding

from components.runtime.run_folder import RunFolder
from components.train.supervisor import Training, supervise

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)


@pytest.fixture
def through(s3, s3_server, monkeypatch):
    """``through(before=..., change=...)``: a run in a bucket behind a server with a fault, and its way back."""
    with contextlib.ExitStack() as stack:

        def make(**fault):
            address = stack.enter_context(forwarding(urllib.parse.urlsplit(s3_server).netloc, **fault))
            monkeypatch.setenv('AWS_ENDPOINT_URL_S3', address)
            return RunFolder(f'{s3}/runs', 'r1')

        yield make


def train(run, trainer, tmp_path, **more):
    output = tmp_path / 'work' / 'net-cocokp'
    return supervise(
        Training(run, run.begin_attempt(), trainer(epochs=3), output, poll=0.05, heartbeat=5.0, **more)
    )  # fmt: skip


def all_is_there(run, code, summary):
    assert (code, summary.epochs) == (0, 3)
    assert run.epochs() == [1, 2, 3]
    assert run.outcome()['outcome'] == 'succeeded'


def test_a_throttled_store_delays_and_loses_nothing(through, trainer, tmp_path):
    asked, refused = [], []

    def every_third(*request):
        asked.append(request)
        if len(asked) % 3 == 0:
            refused.append(request)
            return 503, SLOW_DOWN
        return None

    run = through(before=every_third)
    all_is_there(run, *train(run, trainer, tmp_path))
    assert len(refused) > 5


def test_a_slow_store_delays_and_loses_nothing(through, trainer, tmp_path):
    asked = []

    def late(*request):
        asked.append(request)
        time.sleep(0.1)

    run = through(before=late)
    all_is_there(run, *train(run, trainer, tmp_path))
    assert len(asked) > 20


def test_a_store_that_answers_wrong_bytes_is_found_out(through, trainer, tmp_path):
    """What arrives is compared with what was committed: nothing wrong is evaluated or continued from."""
    wrong = []

    def flipped(command, path, body):
        if command != 'GET' or not wrong or wrong[0] not in path or len(body) < 8:
            return body
        return body[:5] + bytes([body[5] ^ 1]) + body[6:]

    run = through(change=flipped)
    all_is_there(run, *train(run, trainer, tmp_path))
    assert run.fetch_checkpoint(2, tmp_path / 'sound').exists()
    wrong.append('weights')
    with pytest.raises(OSError, match='is not what was committed'):
        run.fetch_checkpoint(2, tmp_path / 'wrong')
    assert not list((tmp_path / 'wrong').glob('*.safetensors'))


@pytest.mark.parametrize('fault', ['fails', 'never answers'])
def test_a_tracking_server_stops_nobody(fault, run, trainer, tmp_path, monkeypatch):
    """It answers 500 to everything, or takes each request and says nothing."""
    asked, ended = [], []

    def faulty(*request):
        asked.append(request)
        while fault == 'never answers' and not ended:
            time.sleep(0.05)
        return 500, b'{}'

    with forwarding('127.0.0.1:9', before=faulty) as address:
        monkeypatch.setenv('MLFLOW_TRACKING_URI', address)
        monkeypatch.setenv('MLFLOW_HTTP_REQUEST_MAX_RETRIES', '0')
        monkeypatch.setenv('MLFLOW_HTTP_REQUEST_TIMEOUT', '1')
        all_is_there(run, *train(run, trainer, tmp_path, drain=1.0))
        ended.append(True)
    assert asked
    assert len((tmp_path / 'work/net-cocokp.log').read_text().splitlines()) >= 5  # the log is the spool

"""A store that answers "slow down": training goes on, and everything is committed in the end."""

import http.client
import http.server
import threading
import urllib.parse

import pytest

from components.runtime.run_folder import RunFolder
from components.train.supervisor import Training, supervise

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)


@pytest.fixture
def throttled(s3, s3_server, monkeypatch):
    """A bucket behind a server that refuses every third request; how many were refused."""
    target = urllib.parse.urlsplit(s3_server).netloc
    counts = {'asked': 0, 'refused': 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def log_message(self, *_):
            pass

        def _answer(self, status, headers, body):
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ('content-length', 'transfer-encoding', 'connection'):
                    self.send_header(name, value)
            length = {name.lower(): value for name, value in headers}.get('content-length', len(body))
            self.send_header('Content-Length', str(length if self.command == 'HEAD' else len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _forward(self):
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
            counts['asked'] += 1
            if counts['asked'] % 3 == 0:
                counts['refused'] += 1
                self._answer(503, [], b'' if self.command == 'HEAD' else SLOW_DOWN)
                return
            connection = http.client.HTTPConnection(target)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            self._answer(answer.status, answer.getheaders(), answer.read())
            connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv('AWS_ENDPOINT_URL_S3', f'http://127.0.0.1:{server.server_address[1]}')
    yield s3, counts
    server.shutdown()
    server.server_close()


def test_a_throttled_store_delays_and_loses_nothing(throttled, trainer, tmp_path):
    bucket, counts = throttled
    run = RunFolder(f'{bucket}/runs', 'r1')
    output = tmp_path / 'work' / 'net-cocokp'
    code, summary = supervise(Training(run, run.begin_attempt(), trainer(epochs=3), output, poll=0.05, heartbeat=5.0))
    assert (code, summary.epochs) == (0, 3)
    assert run.epochs() == [1, 2, 3]
    assert run.outcome()['outcome'] == 'succeeded'
    assert counts['refused'] > 5

"""KFP's API server on loopback: experiments, pipelines, versions and runs, which pass through scripted states."""

import http.server
import json
import re
import threading
import urllib.parse
import uuid
from dataclasses import dataclass, field


@dataclass
class FakeKfp:
    """The state of KFP, and the server that shows it.

    Attributes:
        states: of a run, one for each look; the last one stays. A number is an HTTP status instead, 0 hangs up.
        tasks: task details of a run.
        token: that is asked for.
    """

    states: list = field(default_factory=lambda: ['PENDING', 'RUNNING', 'SUCCEEDED'])
    tasks: list = field(default_factory=list)
    token: str = ''
    experiments: dict = field(default_factory=dict)
    pipelines: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    runs: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    terminated: list = field(default_factory=list)
    n_looks: int = 0

    def __post_init__(self):
        handler = type('Handler', (_Handler,), {'kfp': self})
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def state(self):
        """Of the run, at this look."""
        found = self.states[min(self.n_looks, len(self.states) - 1)]
        self.n_looks += 1
        return found


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    kfp: FakeKfp

    def log_message(self, *_):
        pass

    def _begin(self, method):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        self.kfp.calls.append((method, url.path))
        if self.kfp.token and self.headers.get('Authorization') != f'Bearer {self.kfp.token}':
            self._answer({'message': 'Unauthorized'}, 401)
            return ''
        return url.path.removeprefix('/apis/v2beta1')

    def _answer(self, content, status=200):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path, kfp = self._begin('GET'), self.kfp
        if not path:
            return None
        if path == '/healthz':
            return self._answer({'multi_user': False})
        if path == '/experiments':
            return self._answer({'experiments': list(kfp.experiments.values())})
        if match := re.fullmatch('/experiments/([^/]+)', path):
            return self._answer(kfp.experiments[match[1]])
        if path == '/pipelines':
            wanted = json.loads(self.query.get('filter', '{}')).get('predicates', [{}])[0].get('string_value')
            found = [pipeline for pipeline in kfp.pipelines.values() if wanted in (None, pipeline['display_name'])]
            return self._answer({'pipelines': found})
        if re.fullmatch('/pipelines/([^/]+)/versions', path):
            return self._answer({'pipeline_versions': list(kfp.versions.values())})
        if match := re.fullmatch('/runs/([^/]+)', path):
            state = kfp.state()
            if state == 0:
                self.close_connection = True
                return None
            if isinstance(state, int):
                return self._answer({'message': 'a fault of the test'}, state)
            details = {'run_details': {'task_details': kfp.tasks}}
            return self._answer({**kfp.runs[match[1]], 'state': state, **details})
        return self._answer({'message': f'no {path}'}, 404)

    def do_POST(self):
        path, kfp = self._begin('POST'), self.kfp
        if not path:
            return None
        new = str(uuid.uuid4())
        if path == '/experiments':
            kfp.experiments[new] = {**json.loads(self.body), 'experiment_id': new}
            return self._answer(kfp.experiments[new])
        if path == '/runs':
            text = self.body.decode()
            kfp.runs[new] = {**json.loads(text, parse_constant=_refuse), 'run_id': new, 'state': 'PENDING'}
            return self._answer({key: value for key, value in kfp.runs[new].items() if key != 'pipeline_spec'})
        if path == '/pipelines/upload':
            kfp.pipelines[new] = {'pipeline_id': new, 'display_name': self.query['name']}
            return self._answer(kfp.pipelines[new])
        if path == '/pipelines/upload_version':
            kfp.versions[new] = {
                'pipeline_version_id': new, 'pipeline_id': self.query['pipelineid'], 'display_name': self.query['name'],
            }  # fmt: skip
            return self._answer(kfp.versions[new])
        if match := re.fullmatch('/runs/([^/:]+):terminate', path):
            kfp.terminated.append(match[1])
            return self._answer({})
        return self._answer({'message': f'no {path}'}, 404)


def _refuse(constant):
    raise ValueError(f'{constant} is no JSON')

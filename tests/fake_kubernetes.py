"""An API server of Kubernetes on loopback: objects, rights, pods and their logs, and faults on demand.

It knows what the launcher and the doctor ask for, refuses what a real one refuses (two objects of one name, fields that
the published models do not know), and can be told to answer badly: once, often, late or half.
"""

import http.server
import json
import re
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field

TRAINER, TRAINING = '/apis/trainer.kubeflow.org/v1alpha1', '/apis/kubeflow.org/v1'
NAMESPACE = 'team'


@dataclass
class Fault:
    """Answers ``status`` to the next ``times`` calls of this kind; 0 hangs up without an answer."""

    method: str
    pattern: str
    status: int
    times: int = 1
    delay: float = 0.0


@dataclass
class FakeKubernetes:
    """The state of a cluster, and the server that shows it."""

    apis: set = field(default_factory=lambda: {'trainjobs', 'pytorchjobs'})
    objects: dict = field(default_factory=dict)
    pods: list = field(default_factory=list)
    events: list = field(default_factory=list)
    nodes: list | None = None
    logs: dict = field(default_factory=dict)
    forbidden: set = field(default_factory=set)
    faults: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    drops: set = field(default_factory=set)
    on_look: object = None
    n_looks: int = 0

    def __post_init__(self):
        handler = type('Handler', (_Handler,), {'cluster': self})
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def kubeconfig(self, path):
        """A file that leads here."""
        config = {
            'apiVersion': 'v1',
            'kind': 'Config',
            'current-context': 'c',
            'clusters': [{'name': 'c', 'cluster': {'server': self.url}}],
            'users': [{'name': 'u', 'user': {'token': 'secret'}}],
            'contexts': [{'name': 'c', 'context': {'cluster': 'c', 'user': 'u', 'namespace': NAMESPACE}}],
        }
        path.write_text(json.dumps(config))
        return path

    def add(self, api, plural, name, **content):
        """Put an object there."""
        path = f'{api}/namespaces/{NAMESPACE}/{plural}/{name}'
        self.objects[path] = {'metadata': {'name': name, 'uid': str(uuid.uuid4())}, **content}
        return self.objects[path]

    def jobs(self):
        """Jobs that are there, by name."""
        found = {path: job for path, job in self.objects.items() if re.search('/(trainjobs|pytorchjobs)/', path)}
        return {path.rpartition('/')[2]: job for path, job in found.items()}

    def said(self, method, pattern=''):
        """Calls of a method whose path matches."""
        return [path for verb, path in self.calls if verb == method and re.search(pattern, path)]

    def fault(self, method, path):
        for fault in self.faults:
            if fault.times and fault.method == method and re.search(fault.pattern, path):
                fault.times -= 1
                return fault
        return None


def condition(kind, reason='', message=''):
    """The status of a job that has come to this."""
    return {'conditions': [{'type': kind, 'status': 'True', 'reason': reason, 'message': message}]}


def pod(name, phase='Running', *, index=0, job='', **status):
    """A pod of a TrainJob."""
    labels = {'jobset.sigs.k8s.io/jobset-name': job, 'batch.kubernetes.io/job-completion-index': str(index)}
    metadata = {'name': name, 'uid': f'uid-of-{name}', 'labels': labels}
    return {'metadata': metadata, 'spec': {'nodeName': 'machine-1'}, 'status': {'phase': phase, **status}}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    cluster: FakeKubernetes

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, BrokenPipeError):
            self.close_connection = True

    def _begin(self, method):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.cluster.calls.append((method, url.path))
        length = int(self.headers.get('Content-Length') or 0)
        self.body = json.loads(self.rfile.read(length)) if length else {}
        fault = self.cluster.fault(method, url.path)
        if fault:
            time.sleep(fault.delay)
            if fault.status == 0:
                self.close_connection = True
                return None
            if fault.status != 200:
                self._refuse(fault.status, 'Fault', 'a fault of the test')
                return None
        return url.path

    def _answer(self, content, status=200):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status, reason, message):
        self._answer(
            {'kind': 'Status', 'status': 'Failure', 'code': status, 'reason': reason, 'message': message}, status
        )

    def do_GET(self):
        path = self._begin('GET')
        cluster = self.cluster
        if path is None:
            return None
        if path in (TRAINER, TRAINING):
            plural = 'trainjobs' if path == TRAINER else 'pytorchjobs'
            if plural not in cluster.apis:
                return self._refuse(404, 'NotFound', 'the server could not find the requested resource')
            return self._answer({'kind': 'APIResourceList', 'resources': [{'name': plural}]})
        if path == '/api/v1/nodes':
            if cluster.nodes is None:
                return self._refuse(403, 'Forbidden', 'nodes is forbidden')
            return self._answer(
                {'items': [{'status': {'allocatable': {'nvidia.com/gpu': str(n)}}} for n in cluster.nodes]}
            )
        if match := re.fullmatch(r'/api/v1/namespaces/[^/]+/pods/([^/]+)/log', path):
            return self._log(match[1])
        if path.endswith('/pods'):
            return self._answer({'items': self._selected()})
        if path.endswith('/events'):
            return self._answer({'items': cluster.events})
        if re.search('/(trainjobs|pytorchjobs)/', path):
            cluster.n_looks += 1
            if cluster.on_look:
                cluster.on_look(cluster, cluster.n_looks)
        if path not in cluster.objects:
            return self._refuse(404, 'NotFound', f'{path} not found')
        return self._answer(cluster.objects[path])

    def _selected(self):
        key, _, value = self.query.get('labelSelector', '').partition('=')
        return [pod for pod in self.cluster.pods if not key or pod['metadata']['labels'].get(key) == value]

    def _log(self, pod):
        """``logs[pod]`` is a list of (time stamp, text); an Exception in it breaks the stream there."""
        if pod not in self.cluster.logs:
            return self._refuse(400, 'BadRequest', 'container is waiting to start')
        lines = self.cluster.logs[pod]
        if self.query.get('follow', '').lower() != 'true':
            texts = [line[1] for line in lines if not isinstance(line, Exception)]
            data = '\n'.join(texts[-int(self.query.get('tailLines', 1000)) :]).encode()
            self.send_response(200)
            self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            return self.wfile.write(data)
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for line in list(lines):
            if isinstance(line, Exception):
                lines.remove(line)
                self.close_connection = True
                return None
            data = f'{line[0]} {line[1]}\n'.encode()
            self.wfile.write(f'{len(data):x}\r\n'.encode() + data + b'\r\n')
        return self.wfile.write(b'0\r\n\r\n')

    def do_POST(self):
        path = self._begin('POST')
        if path is None:
            return None
        if path.endswith('/selfsubjectaccessreviews'):
            wanted = self.body['spec']['resourceAttributes']
            resource = '/'.join(filter(None, (wanted['resource'], wanted['subresource'])))
            allowed = (wanted['verb'], resource) not in self.cluster.forbidden
            return self._answer({**self.body, 'status': {'allowed': allowed}}, 201)
        name = self.body['metadata']['name']
        if f'{path}/{name}' in self.cluster.objects:
            return self._refuse(409, 'AlreadyExists', f'"{name}" already exists')
        self.body['metadata'].update(uid=str(uuid.uuid4()))
        for key in self.cluster.drops & set(self.body['spec']):  # an older schema prunes without a word
            del self.body['spec'][key]
        self.cluster.objects[f'{path}/{name}'] = self.body
        return self._answer(self.body, 201)

    def do_PATCH(self):
        path = self._begin('PATCH')
        if path is None:
            return None
        if self.headers['Content-Type'] != 'application/merge-patch+json':
            return self._refuse(415, 'UnsupportedMediaType', 'custom resources take no strategic merge patch')
        if path not in self.cluster.objects:
            return self._refuse(404, 'NotFound', 'not found')
        self.cluster.objects[path]['metadata'].update(self.body['metadata'])
        return self._answer(self.cluster.objects[path])

    def do_DELETE(self):
        path = self._begin('DELETE')
        if path is None:
            return None
        if self.cluster.objects.pop(path, None) is None:
            return self._refuse(404, 'NotFound', 'not found')
        return self._answer({'kind': 'Status', 'status': 'Success'})

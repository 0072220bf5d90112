"""The doctor, with servers that are well and servers that are not."""

import http.server
import json
import shutil
import threading
import time
from email.utils import formatdate

import pytest
from fake_kubernetes import NAMESPACE, TRAINER, FakeKubernetes

from components.doctor import __main__ as doctor
from components.doctor import cluster, machine, servers, storage
from components.doctor.finding import Finding, failed, ok, table


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch, tmp_path):
    """No cluster, no servers."""
    for name in ('KF_PIPELINES_ENDPOINT', 'KF_PIPELINES_TOKEN', 'KUBERNETES_SERVICE_HOST', 'MLFLOW_TRACKING_TOKEN'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr('kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION', str(tmp_path / 'none'))


@pytest.fixture
def kubernetes(tmp_path, monkeypatch):
    fake = FakeKubernetes()
    fake.add(TRAINER, 'trainingruntimes', 'pifpaf-torch')
    path = fake.kubeconfig(tmp_path / 'kubeconfig')
    monkeypatch.setattr('kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION', str(path))
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def web():
    """``web(200, '{}')``: the address of a server that answers this."""
    started = []

    def serve(status, body, **headers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(status)
                for name, value in {'Date': formatdate(usegmt=True), **headers}.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return f'http://127.0.0.1:{server.server_address[1]}'

    yield serve
    for server in started:
        server.shutdown()
        server.server_close()


def states(findings):
    return {finding.check: finding.state for finding in findings}


def test_a_laptop_without_anything_is_well(capsys, tmp_path):
    assert doctor.main(['--run-root', str(tmp_path / 'runs'), '--json']) == 0
    found = {entry['check']: entry for entry in json.loads(capsys.readouterr().out)}
    assert found['store']['state'] == 'ok'
    assert found['MLflow']['state'] == found['KFP']['state'] == found['cluster']['state'] == 'skipped'
    assert 'pifpaf-core' in found['versions']['detail'] and 'kfp 2.17' in found['versions']['detail']
    assert list((tmp_path / 'runs').glob('**/*')) == [], 'nothing is left behind'


def test_what_is_broken_makes_the_exit_code_and_has_a_remedy(capsys, monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    assert doctor.main(['--run-root', str(tmp_path / 'file'), '--endpoint', 'http://127.0.0.1:9']) == 1
    lines = capsys.readouterr().out.splitlines()
    broken = [number for number, line in enumerate(lines) if line.startswith('failed')]
    assert len(broken) == 2
    assert all(lines[number + 1].lstrip().startswith('-> ') for number in broken)
    assert lines[-1].endswith('skipped') and '2 failed' in lines[-1]


def test_bad_options_are_usage_errors(capsys):
    assert doctor.main(['--run-root', 'ftp://x']) == 2
    assert doctor.main(['--gpus', '-1']) == 2
    assert capsys.readouterr().err.count('\n') == 2


def test_a_good_store(s3):
    found = storage.check(f'{s3}/runs')
    assert states(found) == {'store': 'ok', 'conditional puts': 'ok', 'clock against the store': 'ok'}


def test_a_store_that_ignores_conditions_is_a_warning(s3, monkeypatch):
    real = storage._client

    def careless():
        client = real()
        put = client.put_object
        monkeypatch.setattr(
            client, 'put_object', lambda **kwargs: put(**{k: v for k, v in kwargs.items() if k != 'IfNoneMatch'})
        )
        return client

    monkeypatch.setattr(storage, '_client', careless)
    found = storage.check(f'{s3}/runs')
    assert states(found)['conditional puts'] == 'warning'
    assert 'are ignored' in found[1].detail


def test_a_store_that_refuses_conditions_is_a_warning(s3, monkeypatch):
    from botocore.exceptions import ClientError

    class Old:
        def put_object(self, **_):
            metadata = {'HTTPStatusCode': 501}
            raise ClientError({'Error': {'Code': 'NotImplemented'}, 'ResponseMetadata': metadata}, 'PutObject')

    found = storage._conditional(Old(), {'Bucket': 'b', 'Key': 'k'})
    assert found.state == 'warning' and 'are refused: ' in found.detail and 'NotImplemented' in found.detail


def test_a_bucket_that_is_not_there(s3):
    (found,) = storage.check('s3://not-there-at-all/runs')
    assert found.state == 'failed' and 'Create the bucket' in found.remedy


def test_a_store_that_is_not_there(s3, monkeypatch):
    monkeypatch.setenv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9')
    (found,) = storage.check('s3://b/runs')
    assert found.state == 'failed' and 'AWS_ENDPOINT_URL_S3' in found.remedy


@pytest.mark.parametrize(('off', 'state'), [(0, 'ok'), (-60, 'warning'), (60, 'warning'), (-901, 'failed')])
def test_clocks(off, state):
    found = storage.skew('clock', {'date': formatdate(time.time() - off, usegmt=True)}, time.time())
    assert found.state == state
    assert storage.skew('clock', {}, 0).state == 'skipped'


@pytest.mark.parametrize(
    ('status', 'body', 'state', 'text'),
    [
        (200, '{"experiments": []}', 'ok', 'takes our requests'),
        (403, 'Invalid Host header - possible DNS rebinding attack detected', 'failed', 'MLFLOW_SERVER_ALLOWED_HOSTS'),
        (401, 'You are not authenticated', 'failed', 'MLFLOW_TRACKING_USERNAME'),
        (404, 'Not Found', 'failed', 'Check that MLFLOW_TRACKING_URI leads to MLflow'),
    ],
)
def test_mlflow(web, monkeypatch, status, body, state, text):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', web(status, body))
    found = servers.mlflow()
    assert found[0].state == state
    assert text in found[0].detail + found[0].remedy
    assert found[1].check == 'clock against MLflow' and found[1].state == 'ok'


@pytest.mark.parametrize('place', ['http://{}', 'postgresql://{}/runs'])
def test_a_password_in_mlflows_address_is_used_and_not_shown(web, monkeypatch, place):
    host = web(200, '{}').removeprefix('http://')
    monkeypatch.setenv('MLFLOW_TRACKING_URI', place.format(f'me:s%40cret@{host}'))
    found = servers.mlflow()
    assert found[0].state == 'ok' and host in found[0].detail
    assert 'cret' not in str(found)
    assert servers._parted('http://me:s%40cret@h/x') == ('http://h/x', {'Authorization': 'Basic bWU6c0BjcmV0'})


def test_mlflow_that_does_not_answer(monkeypatch):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://127.0.0.1:9')
    (found,) = servers.mlflow()
    assert found.state == 'failed' and 'network policies' in found.remedy


@pytest.mark.parametrize(
    ('status', 'body', 'state', 'text'),
    [
        (200, '{"tag_name": "2.17.0"}', 'ok', '2.17.0'),
        (200, '<html>Dex login</html>', 'failed', 'KF_PIPELINES_TOKEN'),
        (401, '', 'failed', 'KF_PIPELINES_TOKEN'),
        (404, 'x', 'failed', 'it is that of the UI'),
    ],
)
def test_kfp(web, status, body, state, text):
    found = servers.kfp(web(status, body))
    assert found.state == state and text in found.detail + found.remedy


def test_a_good_cluster(kubernetes):
    kubernetes.nodes = [4, 8]
    found = cluster.check('')
    assert set(states(found).values()) == {'ok'}
    assert [finding.detail for finding in found][-1] == '8 + 4'
    assert f"'{NAMESPACE}'" in found[1].detail


def test_a_cluster_with_gaps(kubernetes):
    kubernetes.forbidden = {('create', 'trainjobs'), ('get', 'pods/log')}
    kubernetes.objects.clear()
    found = {finding.check: finding for finding in cluster.check('')}
    assert 'may not create trainjobs, get pods/log' in found['rights'].detail
    assert found['TrainingRuntime'].state == 'failed' and 'Apply an overlay' in found['TrainingRuntime'].remedy
    assert found['GPUs of nodes'].state == 'skipped'


def test_a_cluster_without_operators_can_train_in_one_pod(kubernetes):
    kubernetes.apis = set()
    kubernetes.nodes = []
    assert states(cluster.check('')) == {'operators': 'warning', 'GPUs of nodes': 'warning'}


def test_a_cluster_that_does_not_answer(kubernetes):
    kubernetes.server.shutdown()
    kubernetes.server.server_close()
    (found,) = cluster.check('')
    assert found.state == 'failed' and 'network' in found.remedy


def test_small_shared_memory_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: shutil._ntuple_diskusage(64 * 2**20, 0, 0))
    assert machine.shared_memory().state == 'warning'
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: shutil._ntuple_diskusage(8 * 2**30, 0, 0))
    assert machine.shared_memory().state == 'ok'
    monkeypatch.undo()
    assert machine.shared_memory(tmp_path / 'none').state == 'warning'


@pytest.mark.parametrize(
    ('script', 'wanted', 'state', 'text'),
    [
        ('echo "H200, 143771 MiB, 570.1"; echo "H200, 143771 MiB, 570.1"', 2, 'ok', '2: H200'),
        ('echo "H200, 143771 MiB, 570.1"', 2, 'failed', '2 are asked for'),
        ('echo "no devices were found" >&2; exit 6', 0, 'failed', 'no devices were found'),
        (None, 1, 'failed', 'no nvidia-smi here'),
        (None, 0, 'skipped', 'none are asked for'),
    ],
)
def test_gpus(monkeypatch, tmp_path, script, wanted, state, text):
    if script:
        path = tmp_path / 'nvidia-smi'
        path.write_text(f'#!/bin/sh\n{script}\n')
        path.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    if script:
        monkeypatch.setenv('PATH', f'{tmp_path}:/bin:/usr/bin')
    found = machine.gpus(wanted)
    assert found.state == state and text in found.detail + found.remedy


def test_another_series_of_kfp_is_a_warning(monkeypatch):
    monkeypatch.setattr(machine, '_version', lambda name: '2.5.0' if name == 'kfp' else '')
    found = machine.versions()
    assert found.state == 'warning' and 'kfp 2.17' in found.remedy


def test_the_table_is_aligned():
    lines = table([ok('a', 'x'), failed('longer', 'y', 'mend it'), Finding('b', 'skipped', 'z')]).splitlines()
    assert lines[0].index('x') == lines[1].index('y') == lines[2].index('-> mend it') == lines[3].index('z')
    assert lines[-1] == '1 ok, 0 warning, 1 failed, 1 skipped'

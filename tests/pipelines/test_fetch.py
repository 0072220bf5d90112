"""Fetching what a run has made, by its folder and by KFP's id."""

import http.server
import json
import threading

import pytest

from components.runtime.run_folder import SUCCEEDED, RunFolder
from pipelines import fetch

IDENTITY = '3f1c2d4e-0000-4000-8000-000000000000'


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(str(tmp_path / 'runs'), 'my-run-3f1c2d4e')
    folder.begin_attempt()
    folder.store.write('submission/my-run-cocokp.zip', b'zip')
    for name in ('1.jpg.predictions.json', '1.jpg.predictions.jpeg'):
        folder.store.write(f'predictions/{name}', name.encode())
    for epoch, ap in ((5, 0.6), (10, 0.4)):
        (tmp_path / f'w{epoch}').write_text(f'weights {epoch}')
        folder.commit_checkpoint(epoch, tmp_path / f'w{epoch}')
        folder.record_evaluation(epoch, {'metrics': {'AP': ap}})
    folder.end(SUCCEEDED)
    return folder


@pytest.mark.parametrize(
    ('what', 'names', 'content'),
    [
        ('testdev_zip', ['my-run-cocokp.zip'], b'zip'),
        ('predictions', ['1.jpg.predictions.jpeg', '1.jpg.predictions.json'], b'1.jpg.predictions.jpeg'),
        ('best_checkpoint', ['weights.safetensors'], b'weights 5'),
        ('last_checkpoint', ['weights.safetensors'], b'weights 10'),
    ],
)
def test_what_a_run_has_made(run, tmp_path, capsys, what, names, content):
    assert fetch.main([run.uri, what, '--output', f'{tmp_path}/there/']) == 0
    paths = capsys.readouterr().out.splitlines()
    assert [path.rpartition('/')[2] for path in paths] == names
    assert (tmp_path / 'there' / names[0]).read_bytes() == content


def test_one_file_may_get_another_name(run, tmp_path, capsys):
    assert fetch.main([run.uri, 'testdev_zip', '--output', f'{tmp_path}/mine.zip']) == 0
    assert (tmp_path / 'mine.zip').read_bytes() == b'zip'
    assert fetch.main([run.uri, 'predictions', '--output', f'{tmp_path}/mine']) == 1
    assert 'is one file, but there are 2. End it with /' in capsys.readouterr().err


def test_by_default_it_goes_into_the_working_folder(run, tmp_path, monkeypatch):
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    assert fetch.main(['../runs/my-run-3f1c2d4e/', 'testdev_zip']) == 0
    assert (tmp_path / 'here' / 'my-run-cocokp.zip').exists()


def test_what_is_not_there_yet(run, capsys):
    assert fetch.main([run.uri, 'report']) == 1
    assert 'has no report (the run has succeeded). Wait for its stage' in capsys.readouterr().err


@pytest.mark.parametrize('where', ['nowhere', 'runs', 's3://', 'ftp://x/y'])
def test_no_run(tmp_path, monkeypatch, capsys, where):
    monkeypatch.chdir(tmp_path)
    assert fetch.main([where, 'testdev_zip']) == 1
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert 'Give ' in error


def test_an_unknown_output_is_a_usage_error_that_names_those_there_are(run, capsys):
    with pytest.raises(SystemExit) as stop:
        fetch.main([run.uri, 'zip'])
    assert stop.value.code == 2
    assert 'testdev_zip' in capsys.readouterr().err


@pytest.fixture
def kfp_server(monkeypatch, run):
    """KFP's API, as far as it tells about runs; ``answers`` may be changed."""
    root = run.uri.rpartition('/')[0]
    answers = {
        IDENTITY: {'run_id': IDENTITY, 'display_name': 'my run', 'runtime_config': {'parameters': {'run_root': root}}}
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            identity = self.path.partition('?')[0].rpartition('/')[2]
            body = json.dumps(answers.get(identity, {})).encode()
            self.send_response(200 if identity in answers or 'healthz' in self.path else 404)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv('KF_PIPELINES_ENDPOINT', f'http://127.0.0.1:{server.server_port}')
    yield answers
    server.shutdown()
    server.server_close()


def test_by_the_id_that_kfp_gave_it(kfp_server, tmp_path, capsys):
    assert fetch.main([IDENTITY, 'testdev_zip', '--output', f'{tmp_path}/mine.zip']) == 0
    assert (tmp_path / 'mine.zip').read_bytes() == b'zip'


def test_a_run_of_another_pipeline(kfp_server, capsys):
    kfp_server[IDENTITY]['runtime_config'] = {}
    assert fetch.main([IDENTITY, 'testdev_zip']) == 1
    assert 'has no parameter run_root' in capsys.readouterr().err


def test_an_id_that_kfp_does_not_know_and_no_kfp_at_all(kfp_server, monkeypatch, capsys):
    unknown = IDENTITY.replace('3', '4')
    assert fetch.main([unknown, 'testdev_zip']) == 1
    assert f'KFP does not tell about run {unknown}' in capsys.readouterr().err
    monkeypatch.setenv('KF_PIPELINES_ENDPOINT', 'http://127.0.0.1:9')
    assert fetch.main([unknown, 'testdev_zip']) == 1
    error = capsys.readouterr().err
    assert "Set KF_PIPELINES_ENDPOINT, or give the run's folder" in error
    assert error.count('\n') == 1

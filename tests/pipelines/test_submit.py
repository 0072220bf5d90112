"""Submitting to a KFP that is none: what is sent, and that every end of a run has its exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from fake_kfp import FakeKfp

from pipelines import kfp_server, submit

ROOT = ['--run-root', 's3://bucket/runs']


@pytest.fixture
def kfp(monkeypatch, tmp_path):
    for name in ('KF_PIPELINES_ENDPOINT', 'KF_PIPELINES_TOKEN', 'KF_PIPELINES_UI_ENDPOINT'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('HOME', str(tmp_path))  # where kfp keeps a context
    fake = FakeKfp()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def submitted(kfp, capsys):
    """``submitted('--epochs', '2')``: exit code, the JSON on stdout, stderr."""

    def run(*argv):
        code = submit.main(['--endpoint', kfp.url, '--poll', '0.02', *ROOT, *argv])
        out, error = capsys.readouterr()
        return code, json.loads(out.splitlines()[-1]) if out.strip() else {}, error

    return run


def test_arguments_keep_their_types(kfp, submitted):
    code, facts, _ = submitted(
        '--epochs', '2.0', '--lr', '1e-3', '--dataset-version', '0123456', '--checkpoint', '12e4567',
        '--train-options', '{"adam": true}', '--tolerations', '[{"operator": "Exists"}]', '--name', 'first',
    )  # fmt: skip
    assert code == 0
    (run,) = kfp.runs.values()
    assert run['runtime_config']['parameters'] == {
        'run_root': 's3://bucket/runs',
        'epochs': 2,
        'lr': 0.001,
        'dataset_version': '0123456',
        'checkpoint': '12e4567',
        'train_options': {'adam': True},
        'tolerations': [{'operator': 'Exists'}],
    }
    assert run['pipeline_spec']['pipeline_spec']['pipelineInfo']['name'] == 'pose-training'
    assert facts['state'] == 'PENDING', 'without --wait nothing is known of the end'


def test_a_run_has_a_name_that_people_recognize_and_a_known_folder(kfp, submitted):
    _, facts, error = submitted('--dataset', 'cocokp-cocodet')
    assert re.fullmatch(r'cocokp-cocodet-shufflenetv2k16-\d{6}-\d{6}', facts['name'])
    assert next(iter(kfp.runs.values()))['display_name'] == facts['name']
    assert facts['folder'] == f's3://bucket/runs/{facts["name"]}-{facts["run_id"][:8]}'
    assert facts['url'] == f'{kfp.url}/#/runs/details/{facts["run_id"]}'
    assert facts['url'] in error


def test_a_run_is_named_where_people_see_it(kfp, submitted, monkeypatch):
    monkeypatch.setenv('KF_PIPELINES_UI_ENDPOINT', 'https://kfp.example/')
    _, facts, _ = submitted()
    assert facts['url'] == f'https://kfp.example/#/runs/details/{facts["run_id"]}'


def test_several_nodes_are_another_pipeline(kfp, submitted):
    assert submitted('--pipeline', 'pose_training_multinode', '--nodes', '4', '--queue', 'gpu')[0] == 0
    (run,) = kfp.runs.values()
    assert run['pipeline_spec']['pipeline_spec']['pipelineInfo']['name'] == 'pose-training-multinode'
    assert run['runtime_config']['parameters']['nodes'] == 4


def test_the_image_of_the_tools_goes_with_that_of_the_training(kfp, submitted):
    submitted('--image', 'registry/pifpaf-train:abc')
    (run,) = kfp.runs.values()
    assert run['runtime_config']['parameters']['tools_image'] == 'registry/pifpaf-tools:abc'


def test_a_version_is_uploaded_once(kfp, submitted):
    for _ in range(2):
        assert submitted('--upload', 'pose-training', '--upload-version', 'v1')[0] == 0
    assert [pipeline['display_name'] for pipeline in kfp.pipelines.values()] == ['pose-training']
    assert [version['display_name'] for version in kfp.versions.values()] == ['v1']
    (version,) = kfp.versions
    for run in kfp.runs.values():
        assert run['pipeline_version_reference']['pipeline_version_id'] == version


@pytest.mark.parametrize(
    ('states', 'code'),
    [
        (['PENDING', 'RUNNING', 'SUCCEEDED'], 0),
        (['SKIPPED'], 0),
        (['RUNNING', 'FAILED'], 1),
        (['RUNNING', 'CANCELING', 'CANCELED'], 3),
        (['RUNNING', 503, 0, 429, 'RUNNING', 'SUCCEEDED'], 0),
        (['RUNNING', 404], 1),
        (['RUNNING', 403], 1),
    ],
)
def test_every_end_has_its_exit_code(kfp, submitted, states, code):
    kfp.states = states
    assert submitted('--wait')[0] == code


def test_a_failure_names_the_tasks_that_failed(kfp, submitted):
    kfp.states = ['FAILED']
    kfp.tasks = [
        {'display_name': 'root', 'state': 'FAILED', 'child_tasks': [{'task_id': '1'}]},
        {'display_name': 'train', 'state': 'FAILED', 'error': {'code': 1, 'message': 'OOMKilled (exit code 137)'}},
        {'display_name': 'prepare-dataset', 'state': 'SUCCEEDED'},
    ]
    code, facts, error = submitted('--wait', '--name', 'first')
    assert (code, facts['state']) == (1, 'FAILED')
    assert 'pifpaf pipelines.submit: first failed: train: OOMKilled (exit code 137). Look at its log: http' in error


@pytest.mark.parametrize('stop', [[], ['--stop']])
def test_a_timeout_is_told_and_ends_the_run_only_when_asked_to(kfp, submitted, stop):
    kfp.states = ['RUNNING']
    code, facts, error = submitted('--wait', '--timeout', '0.1', *stop)
    assert (code, facts['state']) == (124, 'TIMED_OUT')
    assert 'has not ended in 0.1 s. Look at it: http' in error
    assert kfp.terminated == ([facts['run_id']] if stop else [])


def test_a_server_that_stays_away_ends_the_waiting(kfp, submitted, monkeypatch):
    monkeypatch.setattr(kfp_server, '_PATIENCE', 0.1)
    kfp.states = ['RUNNING', *[503] * 1000]
    code, _, error = submitted('--wait')
    assert code == 1
    assert 'the KFP server answers 503: ' in error.splitlines()[-1]


def test_a_token_is_sent_and_read_again(kfp, submitted, tmp_path):
    path = tmp_path / 'token'
    path.write_text('secret')
    kfp.token = 'secret'
    assert submitted('--token-file', str(path), '--wait')[0] == 0
    kfp.token = 'renewed'
    code, _, error = submitted('--token-file', str(path))
    assert code == 1
    assert 'answers 401' in error and 'Give a token that is valid: --token-file' in error
    assert error.count('\n') == 1
    path.write_text('renewed')
    assert submitted('--token-file', str(path))[0] == 0


def test_a_token_of_the_environment_is_sent(kfp, submitted, monkeypatch):
    kfp.token = 'secret'
    monkeypatch.setenv('KF_PIPELINES_TOKEN', 'secret')
    assert submitted()[0] == 0


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--nodes', '2', *ROOT], 'pose_training has no --nodes. Add --pipeline pose_training_multinode'),
        ([], 'it is not said where runs live. Add --run-root'),
        ([*ROOT, '--upload-version', 'v1'], 'is the version of an upload. Add --upload'),
        ([*ROOT, '--poll', '0'], '--poll must be above 0'),
        ([*ROOT, '--train-options', '[]'], "--train-options '[]' is no JSON object"),
        ([*ROOT, '--tolerations', '{'], "--tolerations '{' is no JSON list"),
    ],
)
def test_usage_errors_are_one_line_with_a_remedy(argv, message, capsys):
    assert submit.main(argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_no_server_is_one_line_with_a_remedy(kfp, capsys):
    assert submit.main(['--endpoint', 'http://127.0.0.1:9', *ROOT]) == 1
    error = capsys.readouterr().err
    assert 'Check the address in --endpoint and the network' in error
    assert error.count('\n') == 1


@pytest.mark.parametrize(('number', 'stop'), [(signal.SIGINT, ['--stop']), (signal.SIGTERM, [])])
def test_an_interruption_ends_the_run_only_when_asked_to(kfp, repository, number, stop):
    kfp.states = ['RUNNING']
    argv = ['-m', 'pipelines.submit', '--endpoint', kfp.url, *ROOT, '--wait', '--poll', '0.05', *stop]
    process = subprocess.Popen(
        [sys.executable, *argv], cwd=repository, env={**os.environ}, stdout=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 200
    while kfp.n_looks < 2:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert json.loads(out.splitlines()[-1])['state'] == 'INTERRUPTED'
    assert bool(kfp.terminated) == bool(stop)

"""The launcher as a program: preflight, whole runs, and SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from fake_kubernetes import TRAINER, Fault, condition

from components.launcher import __main__ as launcher
from components.launcher.preflight import kind_for
from components.runtime.run_folder import SUCCEEDED, RunFolder


@pytest.fixture
def argv(tmp_path):
    where = ['--run-root', str(tmp_path / 'runs'), '--run-id', 'my-run']
    return [*where, '--dataset-uri', 'd', '--image', 'i', '--watch-interval', '0.05', '--patience', '2']


@pytest.mark.parametrize(
    ('apis', 'operator', 'kind'),
    [
        ({'trainjobs', 'pytorchjobs'}, 'auto', 'TrainJob'),
        ({'pytorchjobs'}, 'auto', 'PyTorchJob'),
        ({'trainjobs', 'pytorchjobs'}, 'pytorchjob', 'PyTorchJob'),
    ],
)
def test_the_operator_that_is_there_is_taken(kubernetes, cluster, options, apis, operator, kind):
    kubernetes.apis = apis
    assert kind_for(cluster, options(operator=operator)).kind == kind


def no_runtime(kubernetes):
    kubernetes.objects.clear()


def refuse(*rights):
    return lambda kubernetes: kubernetes.forbidden.update(rights)


def without(*apis):
    return lambda kubernetes: kubernetes.apis.difference_update(apis)


@pytest.mark.parametrize(
    ('mishap', 'operator', 'message'),
    [
        (
            without('trainjobs', 'pytorchjobs'),
            'auto',
            'the cluster has no TrainJob and no PyTorchJob. Install Kubeflow Trainer',
        ),
        (without('pytorchjobs'), 'pytorchjob', "the cluster has no PyTorchJob. Install Kubeflow's training operator"),
        (
            refuse(('create', 'trainjobs')),
            'auto',
            "the service account may not create trainjobs in 'team'. Apply k8s/base/",
        ),
        (refuse(('get', 'pods/log'), ('list', 'pods')), 'auto', 'may not list pods, get pods/log in'),
        (no_runtime, 'auto', "there is no TrainingRuntime 'pifpaf-torch' in 'team'. Apply an overlay of k8s/"),
    ],
)
def test_what_is_missing_is_said_in_one_line_before_anything_is_created(
    kubernetes, argv, mishap, operator, message, capsys
):
    mishap(kubernetes)
    assert launcher.main([*argv, '--operator', operator]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert kubernetes.jobs() == {}


@pytest.mark.parametrize(
    ('nodes', 'text'), [([], 'have none'), ([8, 2], 'have GPUs: [8, 2]'), ([4, 4], ''), (None, '')]
)
def test_missing_gpus_are_said_and_waited_for(kubernetes, cluster, options, nodes, text, caplog):
    kubernetes.nodes = nodes
    kind_for(cluster, options(nodes=2, gpus=4) if nodes != [8, 2] else options(nodes=3, gpus=4))
    assert (text in caplog.text) and bool(caplog.messages) == bool(text)


def test_an_api_server_that_is_away_at_the_start_is_waited_for(kubernetes, cluster, options):
    kubernetes.faults = [Fault('GET', 'trainer.kubeflow.org/v1alpha1$', 503), Fault('POST', 'reviews', 0)]
    assert kind_for(cluster, options()).kind == 'TrainJob'


def test_a_training_is_reported_as_the_train_stage_reports_it(kubernetes, argv, tmp_path):
    run = RunFolder(str(tmp_path / 'runs'), 'my-run')
    weights = tmp_path / 'weights'
    weights.write_text('w')

    def trained(fake, looks):
        if looks == 4:
            run.commit_checkpoint(5, weights)
            run.end(SUCCEEDED, epochs=5, last_loss=1.5)
            (job,) = fake.jobs().values()
            job['status'] = condition('Complete')

    kubernetes.on_look = trained
    outputs = {
        name: {'artifacts': [{'name': name, 'uri': str(tmp_path / name), 'metadata': {}}]}
        for name in ('last_checkpoint', 'metrics')
    }
    executor = {'outputs': {'outputFile': str(tmp_path / 'out.json'), 'artifacts': outputs}}
    assert launcher.main([*argv, '--executor-input', json.dumps(executor)]) == 0
    reported = json.loads((tmp_path / 'out.json').read_text())['artifacts']
    assert reported['last_checkpoint']['artifacts'][0]['uri'] == run.checkpoint_uri(5)
    assert reported['metrics']['artifacts'][0]['metadata'] == {'epochs': 5, 'last_loss': 1.5}


def test_pods_that_wrote_elsewhere_are_found_out(kubernetes, argv, capsys):
    def done(fake, looks):
        for job in fake.jobs().values():
            job['status'] = condition('Complete')

    kubernetes.on_look = done
    assert launcher.main(argv) == 1
    assert 'holds no checkpoint. Check that the training pods write to the same store' in capsys.readouterr().err


def test_a_timeout_has_its_own_exit_code(kubernetes, argv, capsys):
    def late(fake, looks):
        for job in fake.jobs().values() if looks > 2 else ():
            job['status'] = condition('Failed', 'DeadlineExceeded', 'it ran for too long')

    kubernetes.on_look = late
    assert launcher.main(argv) == 124
    assert 'DeadlineExceeded: it ran for too long. What was committed is kept' in capsys.readouterr().err


@pytest.fixture
def started(kubernetes, argv, repository):
    """The launcher as a process."""
    processes = []

    def start():
        command_line = [sys.executable, '-m', 'components.launcher', *argv]
        process = subprocess.Popen(command_line, cwd=repository, env={**os.environ}, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_terminated_launcher_leaves_no_job(kubernetes, started, number):
    process = started()
    wait_for(lambda: len(kubernetes.said('GET', '/pods$')) > 1)
    assert len(kubernetes.jobs()) == 1
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 3
    assert kubernetes.jobs() == {}
    assert 'is deleted. Its pods save their state and leave' in error


def test_a_launcher_that_is_terminated_while_it_creates_leaves_no_job(kubernetes, started):
    kubernetes.faults = [Fault('POST', 'trainjobs', 200, delay=0.4)]
    process = started()
    wait_for(lambda: kubernetes.said('POST', 'trainjobs'))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 3
    wait_for(lambda: kubernetes.jobs() == {} and kubernetes.said('DELETE'))


def test_a_second_signal_does_not_save_the_job(kubernetes, started):
    process = started()
    wait_for(lambda: len(kubernetes.said('GET', '/pods$')) > 1)
    kubernetes.faults = [Fault('DELETE', 'trainjobs', 503, delay=0.3)]  # so that it is asked for once more
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: kubernetes.said('DELETE'))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert kubernetes.jobs() == {}


def test_a_killed_launcher_is_succeeded_by_its_retry(kubernetes, started):
    first = started()
    wait_for(lambda: kubernetes.jobs())
    first.kill()
    first.wait()
    (job,) = kubernetes.jobs().values()
    second = started()
    wait_for(lambda: len(kubernetes.said('POST', 'trainjobs')) > 1)
    assert list(kubernetes.jobs().values()) == [job], 'adopted'
    path = f'{TRAINER}/namespaces/team/trainjobs/{job["metadata"]["name"]}'
    wait_for(lambda: second.poll() is None and kubernetes.calls.count(('GET', path)) > 2)

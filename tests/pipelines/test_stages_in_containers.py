"""Each stage once in a container: any uid, a root that stays as it is, no network, and no capability.

The weights are those of ``make demo``. The whole pipeline with its training, to the demo's AP, is a nightly test.
"""

import json
import logging
from types import SimpleNamespace

import pytest

from components.runtime.run_folder import RunFolder
from pifpaf_core.metrics.submission_check import check_zip
from pipelines import contained, demo
from pipelines.docker_runner import Containers, Sandbox

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ANY_UID = 54321
RUN = 'one-of-each'


@pytest.fixture(scope='module')
def summary(repository):
    """What ``make demo`` made."""
    path = repository / 'outputs' / 'demo' / 'summary.json'
    if not path.exists():
        pytest.skip('CONTAINERS NOT TESTED: make demo was not run in this clone, and its weights are needed')
    return json.loads(path.read_text())


@pytest.fixture(scope='module')
def weights(repository, summary):
    """The demo's best checkpoint."""
    return repository / summary['checkpoint']


@pytest.fixture(scope='module')
def pod(docker_image, tmp_path_factory, repository, weights):
    """``pod.run(image, stage, **flags)``: run a stage; ``pod.folder``: all that it can write; ``pod.built_kernels``."""
    folder = tmp_path_factory.mktemp('containers')
    folder.chmod(0o777)
    client, _ = docker_image('pifpaf-tools:latest')
    docker_image('pifpaf-train:latest')
    sandbox = Sandbox(writable=[folder], readable=[repository / 'examples', weights], user=f'{ANY_UID}:0')
    environment = {'PIFPAF_WORK_DIR': str(folder / 'work'), 'NUMBA_CACHE_DIR': str(folder / 'kernels')}
    tasks = Containers(environment, lambda stage: None, client=client, sandbox=sandbox)

    def run(image, stage, **flags):
        argv = ['python3', '-m', f'components.{stage}', '--run-root', str(folder / 'runs'), '--run-id', RUN]
        for name, value in flags.items():
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            argv += [f'--{name.replace("_", "-")}', text]
        return tasks.run(argv, image=f'pifpaf-{image}:latest')

    find = ['find', '/opt/kernels', '-name', '*.nbc', '-printf', r'%f\n']
    built = client.containers.run('pifpaf-train:latest', find, remove=True).decode().split()
    return SimpleNamespace(run=run, folder=folder, built_kernels=set(built), store=RunFolder(str(folder / 'runs'), RUN))


@pytest.fixture(scope='module')
def dataset(pod, repository):
    """Prepared by the stage, in the image without torch."""
    source = repository / 'examples' / 'coco-eight'
    assert pod.run('tools', 'prepare_dataset', source=source, prepare_options={'val-is-train': True}) == 0
    (folder,) = (pod.folder / 'runs' / 'datasets').iterdir()
    assert folder.stat().st_uid == ANY_UID
    return folder


@pytest.fixture(scope='module')
def trained(pod, dataset, weights, summary):
    """One more epoch that changes next to nothing, evaluated: figures of that epoch."""
    train_options = {'cocokp-no-augmentation': True, 'loader-workers': 0, 'train-batches': 1, 'val-batches': 1}
    code = pod.run(
        'train', 'train', dataset_uri=dataset, checkpoint=weights, epochs=summary['best_epoch'] + 1, lr=1e-9,
        batch_size=8, square_edge=257, gpus=0, train_options={**train_options, 'ema': 0, 'lr-warm-up-start-epoch': 0},
    )  # fmt: skip
    assert code == 0
    options = demo.PARAMETERS['eval_options']
    assert pod.run('train', 'watch_evaluate', dataset_uri=dataset, eval_epochs='*', eval_options=options) == 0
    return pod.store.evaluations()[summary['best_epoch'] + 1]['metrics']


def test_training_and_evaluation(pod, trained):
    assert pod.store.outcome()['outcome'] == 'succeeded'
    assert trained['AP'] > 0.5
    page = (pod.folder / 'runs' / RUN / 'report' / 'report.html').read_text()
    assert '<td>version</td>' in page and 'pifpaf-train:latest' in page


def test_submission_and_predictions(pod, dataset, weights):
    options = demo.PARAMETERS['eval_options']
    for stage in ('testdev_submit_zip', 'predict'):
        assert pod.run('train', stage, dataset_uri=dataset, checkpoint_uri=weights, eval_options=options) == 0
    (archive,) = (pod.folder / 'runs' / RUN / 'submission').glob('*.zip')
    truth = json.loads((dataset / 'annotations' / 'person_keypoints_val2017.json').read_text())
    assert check_zip(archive, image_ids=[image['id'] for image in truth['images']]).n_records >= 12
    assert len(list((pod.folder / 'runs' / RUN / 'predictions').glob('*.jpeg'))) == 8


def test_nothing_was_compiled(pod, trained):
    """The image's kernels fit: none is compiled anew, on whatever processor this is."""
    (folder,) = (pod.folder / 'kernels').iterdir()
    assert {path.name for path in folder.rglob('*.nbc')} == pod.built_kernels


def test_the_exit_handler(pod, trained):
    assert pod.run('tools', 'finish', status={'state': 'SUCCEEDED'}) == 0


def test_bad_input_ends_with_one_line(pod, capfd):
    assert pod.run('tools', 'prepare_dataset', source='/nowhere') == 1
    last = capfd.readouterr().out.strip().splitlines()[-1]
    assert '/nowhere' in last and 'Traceback' not in last


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_the_whole_pipeline_reaches_the_demos_ap(docker_image, tmp_path, monkeypatch, repository, caplog):
    """Prepared, trained, evaluated, submitted and predicted in containers, with both servers beside."""
    import boto3

    client, _ = docker_image('pifpaf-services:latest')
    for name in ('AWS_ENDPOINT_URL_S3', 'MLFLOW_TRACKING_URI'):
        monkeypatch.delenv(name, raising=False)
    said = []
    monkeypatch.setattr('builtins.print', lambda *words, **_: said.append(' '.join(map(str, words))))
    try:
        with caplog.at_level(logging.INFO):
            done = contained.run({**demo.PARAMETERS, 'run_root': contained.RUN_ROOT}, tmp_path)
        assert done.code == 0, done.problem
        address = next(line.split()[1] for line in said if line.startswith('S3: '))
        for name, value in {
            'AWS_ENDPOINT_URL_S3': address,
            'AWS_ACCESS_KEY_ID': 'local',
            'AWS_SECRET_ACCESS_KEY': 'local',
            'AWS_DEFAULT_REGION': 'us-east-1',
        }.items():
            monkeypatch.setenv(name, value)
        run = RunFolder(contained.RUN_ROOT, done.run_id)
        best = max(result['metrics']['AP'] for result in run.evaluations().values())
        assert best >= 0.95
        assert run.outcome()['outcome'] == 'succeeded' and run.record()['code']['image'] == 'pifpaf-train:latest'
        keys = [item['Key'] for item in boto3.client('s3').list_objects_v2(Bucket='pifpaf')['Contents']]
        assert [key for key in keys if key.endswith('.zip')] and [key for key in keys if key.endswith('gallery.html')]
    finally:
        for name in ('pifpaf-mlflow', 'pifpaf-s3'):
            for container in client.containers.list(all=True, filters={'name': name}):
                container.remove(force=True)

import json

import pytest
import yaml

from pipelines import compile as pipeline_compile

PARAMETERS = {
    'run_root': None,
    'source': 'coco2017',
    'dataset_version': '1',
    'dataset': 'cocokp',
    'basenet': 'shufflenetv2k16',
    'epochs': 250,
    'lr': 0.0003,
    'batch_size': 32,
    'square_edge': 385,
    'prepare_options': {},
    'train_options': {},
    'eval_options': {},
    'eval_epochs': '*[05]',
    'checkpoint': '',
    'test_annotations': '',
    'predict_images': '',
    'gpus': 1,
    'image': 'pifpaf-train:latest',
    'experiment': 'pifpaf',
}


@pytest.fixture(scope='module')
def documents(repository):
    """The committed file: the pipeline, and what only Kubernetes has."""
    return list(yaml.safe_load_all((repository / 'pipelines/pose_training/pose_training.yaml').read_text()))


@pytest.fixture(scope='module')
def tasks(documents):
    return documents[0]['components']['comp-exit-handler-1']['dag']['tasks']


def test_the_committed_files_are_what_the_code_compiles_to():
    assert pipeline_compile.main(['--check']) == 0


def test_a_difference_is_shown(tmp_path, capsys):
    assert pipeline_compile.main(['--output', str(tmp_path)]) == 0
    path = tmp_path / 'pose_training.yaml'
    path.write_text(path.read_text().replace('sdkVersion: kfp-', 'sdkVersion: kfp-9.'))
    assert pipeline_compile.main(['--output', str(tmp_path), '--check']) == 0, "kfp's version makes no difference"
    path.write_text(path.read_text().replace('enableCache: true', 'enableCache: false'))
    capsys.readouterr()
    assert pipeline_compile.main(['--output', str(tmp_path), '--check']) == 1
    shown = capsys.readouterr()
    assert '+            enableCache: true' in shown.out
    assert 'Run make pipelines' in shown.err
    path.unlink()
    assert pipeline_compile.main(['--output', str(tmp_path), '--check']) == 1


def test_parameters_are_those_of_the_contract(documents):
    inputs = documents[0]['root']['inputDefinitions']['parameters']
    assert {name: given.get('defaultValue') for name, given in inputs.items()} == PARAMETERS
    assert all(given['description'] for given in inputs.values())


def test_only_preparation_is_cached(tasks):
    assert [name for name, task in tasks.items() if task['cachingOptions'].get('enableCache')] == ['prepare-dataset']


def test_evaluation_runs_beside_training(tasks):
    assert tasks['train']['dependentTasks'] == tasks['watch-evaluate']['dependentTasks'] == ['prepare-dataset']
    assert set(tasks['predict']['dependentTasks']) == {'prepare-dataset', 'watch-evaluate'}
    assert 'train' not in tasks['testdev-submit-zip']['dependentTasks']


def test_the_image_is_a_parameter_of_every_task(documents, tasks):
    executors = documents[0]['deploymentSpec']['executors']
    assert {executor['container']['image'] for executor in executors.values()} == {
        "{{$.inputs.parameters['pipelinechannel--image']}}"
    } | {"{{$.inputs.parameters['image']}}"} & {executor['container']['image'] for executor in executors.values()}
    assert all('base_image' in task['inputs']['parameters'] for task in tasks.values())


def test_training_has_gpus_shared_memory_and_retries(documents, tasks):
    resources = documents[0]['deploymentSpec']['executors']['exec-train']['container']['resources']
    assert resources['accelerator']['resourceType'] == 'nvidia.com/gpu'
    assert tasks['train']['retryPolicy']['maxRetryCount'] == 3
    kubernetes = documents[1]['platforms']['kubernetes']['deploymentSpec']['executors']
    assert kubernetes['exec-train']['emptyDirMounts'][0]['mountPath'] == '/dev/shm'
    assert kubernetes['exec-train']['emptyDirMounts'][0]['medium'] == 'Memory'


def test_secrets_and_config_are_environment_and_optional(documents):
    kubernetes = documents[1]['platforms']['kubernetes']['deploymentSpec']['executors']
    assert set(kubernetes) == set(documents[0]['deploymentSpec']['executors'])
    for executor in kubernetes.values():
        assert executor['secretAsEnv'][0]['optional']
        assert {key['envVar'] for key in executor['configMapAsEnv'][0]['keyToEnv']} >= {'MLFLOW_TRACKING_URI'}
    assert 'secret' not in json.dumps(documents[0]).lower()

import json
from typing import get_args, get_type_hints

import pytest
import yaml

from components.launcher import pods as launcher_pods
from components.launcher.settings import LauncherOptions
from pifpaf_core import backbones
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
    'keep_checkpoints': 0,
    'checkpoint': '',
    'test_annotations': '',
    'predict_images': '',
    'gpus': 1,
    'eval_gpus': 0,
    'cpu': '4',
    'memory': '24Gi',
    'node_selector': {},
    'tolerations': [],
    'image': 'pifpaf-train:latest',
    'tools_image': 'pifpaf-tools:latest',
    'experiment': 'pifpaf',
}


MULTINODE = {'nodes': 2, 'operator': 'auto', 'queue': ''}
FILES = ['pose_training.yaml', 'pose_training_multinode.yaml']


def read(repository, name):
    return list(yaml.safe_load_all((repository / 'pipelines/pose_training' / name).read_text()))


@pytest.fixture(scope='module', params=FILES)
def documents(request, repository):
    """Each committed file: the pipeline, and what only Kubernetes has."""
    return read(repository, request.param)


@pytest.fixture(scope='module')
def tasks(documents):
    return documents[0]['components']['comp-exit-handler-1']['dag']['tasks']


@pytest.fixture(scope='module')
def pods(documents):
    return documents[1]['platforms']['kubernetes']['deploymentSpec']['executors']


@pytest.fixture(scope='module')
def training(documents, tasks):
    """Name of the task that trains."""
    return 'launcher' if 'launcher' in tasks else 'train'


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


def test_parameters_are_those_of_the_contract(documents, training):
    inputs = documents[0]['root']['inputDefinitions']['parameters']
    expected = PARAMETERS | MULTINODE if training == 'launcher' else PARAMETERS
    assert {name: given.get('defaultValue') for name, given in inputs.items()} == expected
    assert all(given['description'] for given in inputs.values())


def test_the_form_offers_every_backbone_and_operator(repository):
    inputs = read(repository, 'pose_training_multinode.yaml')[0]['root']['inputDefinitions']['parameters']
    assert inputs['basenet']['literals'] == backbones.all_names()
    assert inputs['operator']['literals'] == list(get_args(get_type_hints(LauncherOptions)['operator']))


def test_both_pipelines_differ_in_training_only(repository):
    one, several = (read(repository, name)[0]['components']['comp-exit-handler-1']['dag']['tasks'] for name in FILES)
    assert set(one) - set(several) == {'train'}
    assert set(several) - set(one) == {'launcher'}
    assert one['train']['taskInfo']['name'] == several['launcher']['taskInfo']['name'] == 'train'


def test_only_preparation_is_cached(tasks):
    assert [name for name, task in tasks.items() if task['cachingOptions'].get('enableCache')] == ['prepare-dataset']


def test_evaluation_runs_beside_training(tasks, training):
    assert tasks[training]['dependentTasks'] == tasks['watch-evaluate']['dependentTasks'] == ['prepare-dataset']
    assert set(tasks['predict']['dependentTasks']) == {'prepare-dataset', 'watch-evaluate'}
    assert training not in tasks['testdev-submit-zip']['dependentTasks']


def test_images_are_parameters(documents):
    executors = documents[0]['deploymentSpec']['executors']
    tools = {'exec-prepare-dataset', 'exec-launcher', 'exec-finish'}
    for name, executor in executors.items():
        parameter = 'tools_image' if name in tools else 'image'
        assert executor['container']['image'].endswith(f"{parameter}']}}}}"), name
        assert parameter == 'tools_image' or 'tools' not in executor['container']['image']


def test_what_tasks_read_of_their_pipeline_is_handed_down_to_it(documents):
    """kfp 2.17 forgets parameters that are a task's resources: no runner would start such a task."""
    graphs = {name: c for name, c in documents[0]['components'].items() if 'dag' in c} | {'root': documents[0]['root']}
    assert len(graphs) == 2
    for graph in graphs.values():
        given = graph['inputDefinitions']['parameters']
        for task in graph['dag']['tasks'].values():
            read = [source.get('componentInputParameter') for source in task['inputs'].get('parameters', {}).values()]
            assert set(filter(None, read)) <= set(given)


def test_every_task_is_tried_again_with_pauses_and_ends_at_some_time(documents, tasks, pods):
    everything = tasks | {'finish': documents[0]['root']['dag']['tasks']['finish']}
    assert set(everything) - {'finish'} == set(tasks)
    for name, task in everything.items():
        policy = task['retryPolicy']
        assert (policy['maxRetryCount'], policy['backoffDuration'], policy['backoffFactor']) == (
            5 if name == 'train' else 2, '60s', 2,
        )  # fmt: skip
        assert policy['backoffMaxDuration'] == '900s', 'shorter than what watch-evaluate takes for a lost training'
        assert int(pods[f'exec-{name}']['activeDeadlineSeconds']) >= 86400


def test_every_pod_asks_for_resources_and_is_labeled(documents, pods, training):
    for name, executor in documents[0]['deploymentSpec']['executors'].items():
        asked = executor['container']['resources']
        assert asked['resourceCpuRequest'] and asked['resourceMemoryRequest'], name
        stage = name.removeprefix('exec-')
        assert pods[name]['podMetadata']['labels'] == {
            'app.kubernetes.io/part-of': 'pifpaf',
            'app.kubernetes.io/component': 'train' if stage == training else stage,
        }
    undisturbed = pods[f'exec-{training}']['podMetadata']['annotations']
    assert undisturbed == {'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false'}


def test_the_training_pod_has_gpus_shared_memory_and_its_place(repository):
    pipeline, platform = read(repository, 'pose_training.yaml')
    asked = pipeline['deploymentSpec']['executors']['exec-train']['container']['resources']
    assert asked['accelerator']['resourceType'] == 'nvidia.com/gpu'
    assert asked['resourceMemoryLimit'] == asked['resourceMemoryRequest'], 'it bounds /dev/shm'
    pod = platform['platforms']['kubernetes']['deploymentSpec']['executors']['exec-train']
    assert pod['emptyDirMounts'] == [{'medium': 'Memory', 'mountPath': '/dev/shm', 'volumeName': 'dshm'}]
    assert pod['nodeSelector']['nodeSelectorJson'] == {'componentInputParameter': 'pipelinechannel--node_selector'}
    assert pod['tolerations'][0] == {'effect': 'NoSchedule', 'key': 'nvidia.com/gpu', 'operator': 'Exists'}
    assert pod['tolerations'][1] == {'tolerationJson': {'componentInputParameter': 'pipelinechannel--tolerations'}}


def test_the_launcher_knows_its_pod(repository):
    pipeline, platform = read(repository, 'pose_training_multinode.yaml')
    pod = platform['platforms']['kubernetes']['deploymentSpec']['executors']['exec-launcher']
    assert {env['name']: env['fieldPath'] for env in pod['fieldPathAsEnv']} == {
        'POD_NAME': 'metadata.name',
        'POD_UID': 'metadata.uid',
        'POD_NAMESPACE': 'metadata.namespace',
    }
    container = pipeline['deploymentSpec']['executors']['exec-launcher']['container']
    assert 'accelerator' not in container['resources']


def test_no_pod_runs_as_root(documents, pods):
    assert set(pods) == set(documents[0]['deploymentSpec']['executors'])
    assert all(executor['securityContext'] == {'runAsNonRoot': True} for executor in pods.values())


def test_secrets_and_config_are_environment_and_optional(documents, pods):
    assert set(pods) == set(documents[0]['deploymentSpec']['executors'])
    for executor in pods.values():
        assert [secret['secretName'] for secret in executor['secretAsEnv']] == ['pifpaf-s3', 'pifpaf-mlflow']
        assert all(secret['optional'] for secret in executor['secretAsEnv'])
        assert {key['envVar'] for key in executor['configMapAsEnv'][0]['keyToEnv']} >= {
            'MLFLOW_TRACKING_URI',
            'KF_PIPELINES_UI_ENDPOINT',
        }
    assert 'secret' not in json.dumps(documents[0]).lower()


def test_pods_of_a_launcher_get_what_the_pods_of_the_pipeline_get(documents, pods):
    """Two descriptions of one environment: KFP's, and that of components.launcher."""
    options = LauncherOptions(run_root='r', run_id='r', dataset_uri='d', image='i')
    theirs = {}
    for variable in launcher_pods.environment(options):
        for kind, source in variable.get('valueFrom', {}).items():
            theirs[variable['name']] = (kind, source['name'], source['key'], source['optional'])
    ours = {}
    executor = pods['exec-watch-evaluate']
    for secret in executor['secretAsEnv']:
        for key in secret['keyToEnv']:
            ours[key['envVar']] = ('secretKeyRef', secret['secretName'], key['secretKey'], True)
    for config in executor['configMapAsEnv']:
        for key in config['keyToEnv']:
            ours[key['envVar']] = ('configMapKeyRef', config['configMapName'], key['configMapKey'], True)
    assert theirs == ours


def test_images_can_be_set_when_compiling(tmp_path):
    images = ['--image', 'registry/pifpaf-train:1', '--tools-image', 'registry/pifpaf-tools:1']
    assert pipeline_compile.main(['--output', str(tmp_path), *images]) == 0
    inputs = yaml.safe_load_all((tmp_path / 'pose_training.yaml').read_text())
    parameters = next(iter(inputs))['root']['inputDefinitions']['parameters']
    assert parameters['image']['defaultValue'] == 'registry/pifpaf-train:1'
    assert parameters['tools_image']['defaultValue'] == 'registry/pifpaf-tools:1'

"""The objects that are created: against the published models of Kubeflow, which drop what they do not know."""

import json

import pytest
from fake_kubernetes import condition
from kubeflow.training import models as training
from kubeflow_trainer_api import models as trainer
from kubernetes import client

from components.launcher.jobs import KINDS, PYTORCHJOB, TRAINJOB, Ending

OWNER = {'apiVersion': 'v1', 'kind': 'Pod', 'name': 'me', 'uid': '1-2'}
FULL = {
    'nodes': 3,
    'gpus': 4,
    'queue': 'gpu',
    'node_selector': '{"pool": "gpu"}',
    'tolerations': '[{"key": "spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}]',
    'train_options': '{"adam": true}',
}


def kubernetes_round_trip(content, model):
    """What is left of plain data that goes through a model of the Kubernetes client."""
    api = client.ApiClient(client.Configuration())
    response = type('Response', (), {'data': json.dumps(content)})
    return api.sanitize_for_serialization(api.deserialize(response, model))


@pytest.mark.parametrize('values', [FULL, {}, {'gpus': 0}])
def test_a_trainjob_goes_through_the_published_model_without_loss(options, values):
    job = TRAINJOB.build(options(**values), owner=OWNER)
    model = trainer.TrainerV1alpha1TrainJob.from_dict(job)
    assert model.to_dict() == job


def test_the_model_would_notice(options):
    job = TRAINJOB.build(options())
    job['spec']['podTemplateOverrides'] = []
    assert trainer.TrainerV1alpha1TrainJob.from_dict(job).to_dict() != job


def test_a_trainjob_says_what_to_train(options):
    spec = TRAINJOB.build(options(**FULL), owner=OWNER)['spec']
    assert spec['runtimeRef'] == {'apiGroup': 'trainer.kubeflow.org', 'kind': 'TrainingRuntime', 'name': 'pifpaf-torch'}
    assert (spec['trainer']['numNodes'], spec['trainer']['numProcPerNode'], spec['suspend']) == (3, 4, True)
    assert spec['trainer']['resourcesPerNode']['limits'] == {'memory': '24Gi', 'nvidia.com/gpu': '4'}
    assert spec['trainer']['command'] == ['python3', '-m', 'components.train']
    (patch,) = spec['runtimePatches']
    pod = patch['trainingRuntimeSpec']['template']['spec']['replicatedJobs'][0]['template']['spec']['template']['spec']
    assert pod['nodeSelector'] == {'pool': 'gpu'}
    assert [item['key'] for item in pod['tolerations']] == ['nvidia.com/gpu', 'spot']
    assert {'name': 'dshm', 'emptyDir': {'medium': 'Memory'}} in pod['volumes']
    assert 'env' not in pod['containers'][0], 'Kubeflow Trainer refuses it: it belongs to trainer.env'


def test_without_a_queue_nothing_is_suspended(options):
    job = TRAINJOB.build(options())
    assert 'suspend' not in job['spec'] and 'kueue.x-k8s.io/queue-name' not in job['metadata']['labels']
    assert 'suspend' not in PYTORCHJOB.build(options())['spec']['runPolicy']


@pytest.mark.parametrize('values', [FULL, {'nodes': 1}])
def test_a_pytorchjob_has_a_master_workers_and_valid_pods(options, values):
    job = PYTORCHJOB.build(options(**values), owner=OWNER)
    replicas = job['spec']['pytorchReplicaSpecs']
    assert sum(replica['replicas'] for replica in replicas.values()) == options(**values).nodes
    for replica in replicas.values():
        (container,) = replica['template']['spec']['containers']
        assert container['name'] == 'pytorch', 'the operator looks for this name'
        assert kubernetes_round_trip(replica['template'], 'V1PodTemplateSpec') == replica['template']
    assert kubernetes_round_trip(job['metadata'], 'V1ObjectMeta') == job['metadata']


@pytest.mark.parametrize('values', [FULL, {}, {'gpus': 0, 'nodes': 1}])
def test_a_pytorchjob_goes_through_the_published_model_without_loss(options, values, monkeypatch):
    for name in ('PyTorchJob', 'PyTorchJobSpec', 'ReplicaSpec', 'RunPolicy', 'SchedulingPolicy', 'ElasticPolicy'):
        model = getattr(training, f'KubeflowOrgV1{name}')
        monkeypatch.setattr(client.models, model.__name__, model, raising=False)
    job = PYTORCHJOB.build(options(**values), owner=OWNER)
    assert kubernetes_round_trip(job, 'KubeflowOrgV1PyTorchJob') == job
    job['spec']['unheardOf'] = 1
    assert kubernetes_round_trip(job, 'KubeflowOrgV1PyTorchJob') != job


@pytest.mark.parametrize('name', KINDS)
def test_pods_are_restricted(options, name):
    """What the restricted pod security standard asks for, wherever the pod stands in the object."""
    text = str(KINDS[name].build(options()))
    for wanted in ("'runAsNonRoot': True", "{'drop': ['ALL']}", "'allowPrivilegeEscalation': False", 'RuntimeDefault'):
        assert wanted in text
    assert 'hostPath' not in text and 'privileged' not in text


@pytest.mark.parametrize('name', KINDS)
def test_pods_write_to_volumes_only(options, name):
    """The images write to /tmp and to shared memory, and to nothing else: tests/pipelines/test_images.py."""
    text = str(KINDS[name].build(options()))
    assert "'readOnlyRootFilesystem': True" in text
    assert "{'name': 'tmp', 'mountPath': '/tmp'}" in text and "{'name': 'tmp', 'emptyDir': {}}" in text


@pytest.mark.parametrize(
    ('name', 'status', 'ending'),
    [
        ('trainjob', {}, None),
        ('trainjob', condition('Suspended'), None),
        ('trainjob', condition('Complete', 'AllJobsCompleted'), Ending(True, 'AllJobsCompleted')),
        (
            'trainjob',
            condition('Failed', 'DeadlineExceeded', 'too long'),
            Ending(False, 'DeadlineExceeded', 'too long'),
        ),
        ('trainjob', {'conditions': [{'type': 'Failed', 'status': 'False'}]}, None),
        ('pytorchjob', condition('Restarting'), None),
        ('pytorchjob', condition('Succeeded'), Ending(True)),
    ],
)
def test_conditions_say_how_a_job_ended(name, status, ending):
    assert KINDS[name].ending({'status': status}) == ending

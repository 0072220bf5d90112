"""What k8s/ renders to: against the published models of Kubernetes and Kubeflow, and against what programs expect."""

import functools
import json
import re
import shutil
import subprocess

import pytest
import yaml
from kubeflow_trainer_api import models as trainer
from kubernetes import client

from components.doctor import __main__ as doctor
from components.launcher import pods, preflight
from components.launcher.jobs import PYTORCHJOB, TRAINJOB
from components.launcher.settings import LauncherOptions

OVERLAYS = ['single-user', 'multi-user', 'air-gapped']
COMPONENTS = ['postgresql', 'gang-scheduling']
MODELS = {
    'ServiceAccount': 'V1ServiceAccount', 'Role': 'V1Role', 'RoleBinding': 'V1RoleBinding', 'ConfigMap': 'V1ConfigMap',
    'Secret': 'V1Secret', 'PersistentVolumeClaim': 'V1PersistentVolumeClaim', 'Deployment': 'V1Deployment',
    'Service': 'V1Service', 'NetworkPolicy': 'V1NetworkPolicy', 'Pod': 'V1Pod',
}  # fmt: skip


@functools.cache
def renderer():
    """The program that renders, with kustomize 5; None where there is none. Debian's kubectl is too old."""
    asks = {
        ('kustomize', 'build'): ['kustomize', 'version'],
        ('kubectl', 'kustomize'): ['kubectl', 'version', '--client'],
    }
    for program, ask in asks.items():
        if shutil.which(program[0]):
            said = subprocess.run(ask, capture_output=True, text=True).stdout
            if re.search(r'v([5-9]|\d\d)\.', said.rpartition('Kustomize Version')[2]):
                return program
    return None


def rendered(folder):
    """The objects of a kustomization."""
    if renderer() is None:
        pytest.skip('there is no kustomize 5, and no kubectl that has it (1.27 or newer)')
    done = subprocess.run([*renderer(), str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope='module')
def k8s(repository):
    return repository / 'k8s'


@pytest.fixture(scope='module')
def overlay_of(k8s, tmp_path_factory):
    """``overlay_of('single-user', 'postgresql', extra=text)``: what an overlay with components renders to."""
    known = {}

    def render(name, *components, extra=''):
        key = (name, components, extra)
        if key not in known:
            top = tmp_path_factory.mktemp('k8s')
            shutil.copytree(k8s, top / 'k8s')
            path = top / 'k8s/overlays' / name / 'kustomization.yaml'
            content = yaml.safe_load(path.read_text())
            content['components'] = [f'../../components/{component}' for component in components]
            if extra:
                (path.parent / 'extra.yaml').write_text(extra)
                content['resources'].append('extra.yaml')
            path.write_text(yaml.safe_dump(content))
            known[key] = rendered(path.parent)
        return known[key]

    return render


@pytest.fixture(scope='module', params=[*((name,) for name in OVERLAYS), ('single-user', *COMPONENTS)], ids='+'.join)
def objects(request, overlay_of):
    return overlay_of(*request.param)


def of_kind(objects, kind, name=None):
    return [found for found in objects if found['kind'] == kind and name in (None, found['metadata']['name'])]


def through_model(found):
    """What is left of an object that goes through its published model, which drops what it does not know."""
    if found['kind'] == 'TrainingRuntime':
        return trainer.TrainerV1alpha1TrainingRuntime.from_dict(found).to_dict()
    api = client.ApiClient(client.Configuration())
    response = type('Response', (), {'data': json.dumps(found)})
    return api.sanitize_for_serialization(api.deserialize(response, MODELS[found['kind']]))


def test_every_object_goes_through_its_published_model_without_loss(objects):
    for found in objects:
        assert through_model(found) == found, found['metadata']['name']


@pytest.mark.parametrize('path', [('spec', 'mlPolicyy'), ('spec', 'template', 'spec', 'failurePolicy', 'maxRestart')])
def test_the_models_would_notice_a_slip(overlay_of, path):
    found = json.loads(json.dumps(of_kind(overlay_of('single-user'), 'TrainingRuntime')[0]))
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = 1
    assert through_model(found) != found


def test_a_slip_in_an_object_of_kubernetes_is_noticed(overlay_of):
    found = json.loads(json.dumps(of_kind(overlay_of('single-user'), 'Deployment')[0]))
    found['spec']['template']['spec']['containers'][0]['readynessProbe'] = {}
    assert through_model(found) != found
    del found['spec']['selector']
    with pytest.raises(ValueError, match='selector'):
        through_model(found)


@pytest.mark.parametrize(
    ('name', 'namespace', 'account'),
    [
        ('single-user', 'kubeflow', 'pipeline-runner'),
        ('multi-user', 'kubeflow-user-example-com', 'default-editor'),
        ('air-gapped', 'kubeflow', 'pipeline-runner'),
    ],
)
def test_overlays_set_namespace_and_account(overlay_of, name, namespace, account):
    objects = overlay_of(name)
    assert {found['metadata']['namespace'] for found in objects} == {namespace}
    (binding,) = of_kind(objects, 'RoleBinding')
    assert binding['subjects'] == [{'kind': 'ServiceAccount', 'name': account, 'namespace': namespace}]


def test_the_role_is_what_the_launcher_checks_for_and_no_more(overlay_of):
    (role,) = of_kind(overlay_of('single-user'), 'Role')
    given = {
        (verb, group, resource)
        for rule in role['rules']
        for group in rule['apiGroups']
        for resource in rule['resources']
        for verb in rule['verbs']
    }
    checked = {*preflight.rights(TRAINJOB), *preflight.rights(PYTORCHJOB)}
    assert given == checked | {('list', '', 'events')}, 'events are told where they may be read'


def test_the_image_is_set_in_one_place(overlay_of):
    job = yaml.safe_dump(
        {
            'apiVersion': 'trainer.kubeflow.org/v1alpha1',
            'kind': 'TrainJob',
            'metadata': {'name': 'by-hand'},
            'spec': {'runtimeRef': {'name': 'pifpaf-torch'}, 'trainer': {'image': 'pifpaf-train'}},
        }
    )
    objects = overlay_of('single-user', extra=job)
    (runtime,) = of_kind(objects, 'TrainingRuntime')
    (trainjob,) = of_kind(objects, 'TrainJob')
    assert trainjob['spec']['trainer']['image'] == 'registry.example.com/pifpaf-train:latest'
    assert pod_of(runtime)['containers'][0]['image'] == trainjob['spec']['trainer']['image']


def pod_of(runtime):
    (job,) = runtime['spec']['template']['spec']['replicatedJobs']
    return job['template']['spec']['template']['spec']


def test_air_gapped_images_come_from_inside(overlay_of):
    objects = overlay_of('air-gapped')
    images = [pod_of(of_kind(objects, 'TrainingRuntime')[0])['containers'][0]['image']]
    images += [c['image'] for d in of_kind(objects, 'Deployment') for c in d['spec']['template']['spec']['containers']]
    assert len(images) == 2 and all(image.startswith('registry.internal:5000/') for image in images)
    assert all(account['imagePullSecrets'] == [{'name': 'registry'}] for account in of_kind(objects, 'ServiceAccount'))
    (policy,) = of_kind(objects, 'NetworkPolicy', 'pifpaf-egress')
    assert policy['spec']['policyTypes'] == ['Egress']


def test_the_runtime_is_what_the_launcher_asks_for(overlay_of, tmp_path):
    (runtime,) = of_kind(overlay_of('single-user'), 'TrainingRuntime')
    options = LauncherOptions(run_root=str(tmp_path), run_id='r', dataset_uri='d', image='i')
    assert runtime['metadata']['name'] == options.runtime
    (replicated,) = runtime['spec']['template']['spec']['replicatedJobs']
    patch = TRAINJOB.build(options)['spec']['runtimePatches'][0]['trainingRuntimeSpec']['template']['spec']
    assert [job['name'] for job in patch['replicatedJobs']] == [replicated['name']] == ['node']
    assert pod_of(runtime)['containers'][0]['name'] == 'node'
    assert of_kind(overlay_of('single-user'), 'ServiceAccount', options.service_account)


def test_a_preemption_starts_the_pods_again_and_does_not_count(overlay_of):
    (runtime,) = of_kind(overlay_of('single-user'), 'TrainingRuntime')
    policy = runtime['spec']['template']['spec']['failurePolicy']
    assert policy['rules'][0]['action'] == 'RestartJobSetAndIgnoreMaxRestarts'
    (replicated,) = runtime['spec']['template']['spec']['replicatedJobs']
    job = replicated['template']['spec']
    assert job['backoffLimit'] == 0, 'the job set starts all pods again, the job none'
    assert job['podFailurePolicy']['rules'][0]['onExitCodes']['values'] == [75]
    assert job['template']['spec']['restartPolicy'] == 'Never', 'pod failure policies want it'
    assert job['template']['spec']['terminationGracePeriodSeconds'] == pods.GRACE


def test_all_pods_are_restricted(objects):
    specifications = [found['spec']['template']['spec'] for found in of_kind(objects, 'Deployment')]
    specifications += [pod_of(found) for found in of_kind(objects, 'TrainingRuntime')]
    assert len(specifications) == 2
    for specification in specifications:
        assert specification['securityContext']['runAsNonRoot']
        assert specification['securityContext']['seccompProfile'] == {'type': 'RuntimeDefault'}
        for container in specification['containers']:
            assert container['securityContext']['allowPrivilegeEscalation'] is False
            assert container['securityContext']['capabilities'] == {'drop': ['ALL']}


def test_roots_are_read_only_where_tmp_is_a_volume(objects):
    """Of training pods both come with the job: components/launcher/pods.py. A job by hand may have no such volume."""
    (deployment,) = of_kind(objects, 'Deployment')
    specifications = [
        deployment['spec']['template']['spec'],
        *(pod_of(found) for found in of_kind(objects, 'TrainingRuntime')),
    ]
    for specification in specifications:
        (container,) = specification['containers']
        has_tmp = any(mount['mountPath'] == '/tmp' for mount in container.get('volumeMounts', []))
        assert container['securityContext'].get('readOnlyRootFilesystem', False) == has_tmp


def test_config_and_secrets_have_the_keys_that_pods_read(objects, k8s):
    options = LauncherOptions(run_root='r', run_id='r', dataset_uri='d', image='i')
    wanted = {'configMapKeyRef': set(), 'secretKeyRef': set()}
    for variable in pods.environment(options):
        for kind, source in variable.get('valueFrom', {}).items():
            wanted[kind].add((source['name'], source['key']))
    given = {(found['metadata']['name'], key) for found in of_kind(objects, 'ConfigMap') for key in found['data']}
    assert given == wanted['configMapKeyRef']
    examples = list(yaml.safe_load_all((k8s / 'base/secret.example.yaml').read_text()))
    assert {(found['metadata']['name'], key) for found in examples for key in found['stringData']} == wanted[
        'secretKeyRef'
    ]
    assert all(through_model(found) == found for found in examples)
    assert of_kind(objects, 'Secret') == [], 'a secret is nothing for a repository'


def mlflow_environment(objects):
    (deployment,) = of_kind(objects, 'Deployment', 'pifpaf-mlflow')
    (container,) = deployment['spec']['template']['spec']['containers']
    return {variable['name']: variable for variable in container['env']}, container


def test_mlflow_takes_the_names_that_pods_call_it_by(objects):
    from mlflow.server.security_utils import is_allowed_host_header

    allowed = mlflow_environment(objects)[0]['MLFLOW_SERVER_ALLOWED_HOSTS']['value'].split(',')
    (config,) = of_kind(objects, 'ConfigMap', 'pifpaf-config')
    host = config['data']['mlflow'].removeprefix('http://')
    namespace = config['metadata']['namespace']
    name, port = host.split(':')
    spellings = [host, f'{name}.{namespace}:{port}', f'{name}.{namespace}.svc:{port}']
    for spelling in [*spellings, f'{name}.{namespace}.svc.cluster.local:{port}', 'localhost:5000', '10.2.3.4:5000']:
        assert is_allowed_host_header(allowed, spelling), spelling
    assert not is_allowed_host_header(allowed, 'evil.example.com')
    (service,) = of_kind(objects, 'Service', name)
    assert [entry['port'] for entry in service['spec']['ports']] == [int(port)]


def test_mlflow_in_postgresql_needs_no_volume_and_no_password_in_sight(overlay_of):
    objects = overlay_of('single-user', *COMPONENTS)
    environment, container = mlflow_environment(objects)
    source = environment['MLFLOW_BACKEND_STORE_URI']
    assert (
        source['valueFrom']['secretKeyRef'] == {'name': 'pifpaf-mlflow-database', 'key': 'uri'}
        and 'value' not in source
    )
    assert environment['MLFLOW_ARTIFACTS_DESTINATION']['value'].startswith('s3://')
    assert of_kind(objects, 'PersistentVolumeClaim') == []
    assert [mount['mountPath'] for mount in container['volumeMounts']] == ['/tmp']


def test_gangs_are_scheduled_together(overlay_of):
    (runtime,) = of_kind(overlay_of('single-user', *COMPONENTS), 'TrainingRuntime')
    assert runtime['spec']['podGroupPolicy'] == {'coscheduling': {'scheduleTimeoutSeconds': 300}}


def test_the_doctors_pod_is_like_one_that_trains(k8s, capsys):
    (pod,) = rendered(k8s / 'doctor')
    assert through_model(pod) == pod
    (container,) = pod['spec']['containers']
    options = LauncherOptions(run_root='r', run_id='r', dataset_uri='d', image='i')
    assert container['env'] == [variable for variable in pods.environment(options) if 'valueFrom' in variable]
    assert container['volumeMounts'] == pods.mounts()
    assert pod['spec']['volumes'] == pods.placement(options)['volumes']
    assert container['command'] == ['python3', '-m', 'components.doctor']
    assert doctor.main([*container['args'], '--dry-run']) == 0
    assert pod['spec']['securityContext']['runAsNonRoot']
    assert container['securityContext'] == pods.restricted_container()


def test_policies_select_pods_that_are_there(objects):
    (runtime,) = of_kind(objects, 'TrainingRuntime')
    (replicated,) = runtime['spec']['template']['spec']['replicatedJobs']
    labels = [replicated['template']['spec']['template']['metadata']['labels']]
    labels += [found['spec']['template']['metadata']['labels'] for found in of_kind(objects, 'Deployment')]
    for policy in of_kind(objects, 'NetworkPolicy'):
        wanted = policy['spec']['podSelector']['matchLabels'].items()
        assert any(wanted <= given.items() for given in labels), policy['metadata']['name']

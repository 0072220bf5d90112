"""The two kinds of job that train in several pods: Kubeflow Trainer's TrainJob, and the older PyTorchJob."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import pods
from .settings import LauncherOptions

MANAGED_BY = 'pifpaf-launcher'
RUN = 'pifpaf.dev/run'
_INDEX = 'batch.kubernetes.io/job-completion-index'
_RESTARTS = 20  # of the older operator, which cannot tell a preempted pod from a failed one

Object = dict[str, Any]


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    Attributes:
        succeeded: well.
        reason: one word of the operator, e.g. ``DeadlineExceeded``.
        message: of the operator.
    """

    succeeded: bool
    reason: str = ''
    message: str = ''


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    Attributes:
        kind: its name, for people and in objects.
        group: of its API.
        version: of its API.
        plural: its name in URLs.
        operator: what has to be installed for it.
        since: version of the operator that knows all of our objects.
        success: the condition that says that it has succeeded.
        pods_label: the label of its pods that holds its name.
        specification: of a job.
        is_first: whether a pod is node 0.
    """

    kind: str
    group: str
    version: str
    plural: str
    operator: str
    since: str
    success: str
    pods_label: str
    specification: Callable[[LauncherOptions], Object]
    is_first: Callable[[Mapping[str, str]], bool]

    def build(self, options: LauncherOptions, *, owner: Object | None = None) -> Object:
        """The job as an object for the API server.

        Args:
            options: what to train.
            owner: reference to the pod with which the job shall go, whatever happens.
        """
        labels = {'app.kubernetes.io/part-of': 'pifpaf', 'app.kubernetes.io/managed-by': MANAGED_BY}
        if options.queue:
            labels['kueue.x-k8s.io/queue-name'] = options.queue
        metadata = {
            'name': options.job_name,
            'labels': labels,
            'annotations': {RUN: options.run.uri},
            **({'ownerReferences': [owner]} if owner else {}),
        }
        api_version = f'{self.group}/{self.version}'
        return {'apiVersion': api_version, 'kind': self.kind, 'metadata': metadata, 'spec': self.specification(options)}

    def ending(self, job: Object) -> Ending | None:
        """How it ended; None while it has not."""
        for condition in job.get('status', {}).get('conditions') or []:
            if condition.get('status') == 'True' and condition.get('type') in (self.success, 'Failed'):
                succeeded = condition['type'] == self.success
                return Ending(succeeded, condition.get('reason', ''), condition.get('message', ''))
        return None

    def is_suspended(self, job: Object) -> bool:
        """Whether it waits for its queue."""
        specification = job.get('spec', {})
        return bool(specification.get('suspend') or specification.get('runPolicy', {}).get('suspend'))


def _trainjob(options: LauncherOptions) -> Object:
    """What the TrainingRuntime in k8s/ leaves open."""
    container = {'name': 'node', 'volumeMounts': pods.mounts(), 'securityContext': pods.restricted_container()}
    pod = {**pods.placement(options), 'securityContext': pods.restricted_pod(), 'containers': [container]}
    job = {'template': {'spec': {'template': {'spec': pod}}}}
    command = options.training_command()
    found: Object = {
        'runtimeRef': {'apiGroup': 'trainer.kubeflow.org', 'kind': 'TrainingRuntime', 'name': options.runtime},
        'activeDeadlineSeconds': options.deadline,
        'trainer': {
            'image': options.image,
            'numNodes': options.nodes,
            'numProcPerNode': max(1, options.gpus),
            'command': command[:3],
            'args': command[3:],
            'env': pods.environment(options),
            'resourcesPerNode': pods.resources(options),
        },
        'runtimePatches': [
            {
                'manager': 'pifpaf.dev/launcher',
                'trainingRuntimeSpec': {'template': {'spec': {'replicatedJobs': [{'name': 'node', **job}]}}},
            }
        ],
    }
    return {**found, 'suspend': True} if options.queue else found


def _pytorchjob(options: LauncherOptions) -> Object:
    command = options.training_command()
    container = {
        'name': 'pytorch',
        'image': options.image,
        'command': command[:3],
        'args': command[3:],
        'env': pods.environment(options),
        'resources': pods.resources(options),
        'volumeMounts': pods.mounts(),
        'securityContext': pods.restricted_container(),
    }
    pod = {**pods.placement(options), 'securityContext': pods.restricted_pod(), 'containers': [container]}
    labels = {'app.kubernetes.io/part-of': 'pifpaf', 'app.kubernetes.io/component': 'train'}
    annotations = {'sidecar.istio.io/inject': 'false', 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false'}
    template = {'metadata': {'labels': labels, 'annotations': annotations}, 'spec': pod}
    replica = {'restartPolicy': 'OnFailure', 'template': template}
    replicas = {'Master': {'replicas': 1, **replica}}
    if options.nodes > 1:
        replicas['Worker'] = {'replicas': options.nodes - 1, **replica}
    policy: Object = {
        'cleanPodPolicy': 'Running',
        'backoffLimit': _RESTARTS,
        'activeDeadlineSeconds': options.deadline,
        'schedulingPolicy': {'minAvailable': options.nodes},
    }
    if options.queue:
        policy['suspend'] = True
    return {'nprocPerNode': str(max(1, options.gpus)), 'runPolicy': policy, 'pytorchReplicaSpecs': replicas}


TRAINJOB = JobKind(
    kind='TrainJob',
    group='trainer.kubeflow.org',
    version='v1alpha1',
    plural='trainjobs',
    operator='Kubeflow Trainer',
    since='2.2',
    success='Complete',
    pods_label='jobset.sigs.k8s.io/jobset-name',
    specification=_trainjob,
    is_first=lambda labels: labels.get(_INDEX) == '0',
)
PYTORCHJOB = JobKind(
    kind='PyTorchJob',
    group='kubeflow.org',
    version='v1',
    plural='pytorchjobs',
    operator="Kubeflow's training operator",
    since='1.7',
    success='Succeeded',
    pods_label='training.kubeflow.org/job-name',
    specification=_pytorchjob,
    is_first=lambda labels: labels.get('training.kubeflow.org/replica-type') == 'master',
)
KINDS = {'trainjob': TRAINJOB, 'pytorchjob': PYTORCHJOB}

"""The pods of a training, whoever starts them: environment, shared memory, resources, places, rights."""

from typing import Any

from .settings import LauncherOptions

GPU = 'nvidia.com/gpu'
GRACE = 120
"""Seconds between SIGTERM and SIGKILL: enough to save the state and to upload it."""

_SECRETS = (
    ('AWS_ACCESS_KEY_ID', 'pifpaf-s3', 'access_key'),
    ('AWS_SECRET_ACCESS_KEY', 'pifpaf-s3', 'secret_key'),
    ('MLFLOW_TRACKING_USERNAME', 'pifpaf-mlflow', 'username'),
    ('MLFLOW_TRACKING_PASSWORD', 'pifpaf-mlflow', 'password'),
)
_CONFIG = (
    ('AWS_ENDPOINT_URL_S3', 's3_endpoint'),
    ('AWS_REGION', 's3_region'),
    ('MLFLOW_TRACKING_URI', 'mlflow'),
    ('KF_PIPELINES_UI_ENDPOINT', 'kfp_ui'),
)
_SHARED_MEMORY, _SCRATCH = 'dshm', 'tmp'


def environment(options: LauncherOptions) -> list[dict[str, Any]]:
    """Variables of the training container: as in the one-pod pipeline, secrets and config where they exist."""
    plain = [
        {'name': 'PYTHONUNBUFFERED', 'value': '1'},
        {'name': 'PIFPAF_IMAGE', 'value': options.image},
    ]
    secrets = [
        {'name': name, 'valueFrom': {'secretKeyRef': {'name': secret, 'key': key, 'optional': True}}}
        for name, secret, key in _SECRETS
    ]
    config = [
        {'name': name, 'valueFrom': {'configMapKeyRef': {'name': 'pifpaf-config', 'key': key, 'optional': True}}}
        for name, key in _CONFIG
    ]
    return plain + secrets + config


def resources(options: LauncherOptions) -> dict[str, dict[str, str]]:
    """Of a pod. Memory is bounded, because what is shared in /dev/shm counts as the pod's."""
    fixed = {'memory': options.memory, **({GPU: str(options.gpus)} if options.gpus else {})}
    return {'requests': {'cpu': options.cpu, **fixed}, 'limits': fixed}


def placement(options: LauncherOptions) -> dict[str, Any]:
    """The part of the pod specification that says where it runs and as whom."""
    gpu_nodes = {'key': GPU, 'operator': 'Exists', 'effect': 'NoSchedule'}
    found: dict[str, Any] = {
        'serviceAccountName': options.service_account,
        'terminationGracePeriodSeconds': GRACE,
        'tolerations': [gpu_nodes, *options.tolerated()],
        'volumes': [{'name': _SHARED_MEMORY, 'emptyDir': {'medium': 'Memory'}}, {'name': _SCRATCH, 'emptyDir': {}}],
    }
    labels = options.labels_of_nodes()
    return {**found, 'nodeSelector': labels} if labels else found


def mounts() -> list[dict[str, str]]:
    """Where the volumes of `placement` are in the container."""
    return [{'name': _SHARED_MEMORY, 'mountPath': '/dev/shm'}, {'name': _SCRATCH, 'mountPath': '/tmp'}]


def restricted_pod() -> dict[str, Any]:
    """Security of a pod, as the restricted pod security standard wants it; the image's user is 1000."""
    return {
        'runAsNonRoot': True,
        'runAsUser': 1000,
        'runAsGroup': 0,
        'fsGroup': 0,
        'seccompProfile': {'type': 'RuntimeDefault'},
    }


def restricted_container() -> dict[str, Any]:
    """Security of a container, as the restricted pod security standard wants it; only mounts are written."""
    return {'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL']}, 'readOnlyRootFilesystem': True}

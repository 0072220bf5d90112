"""What Kubernetes gives to the pods of the pipeline: environment, resources, places, patience.

kfp.local ignores all of it but images and retries.
"""

from collections.abc import Mapping
from typing import Any

from kfp import kubernetes
from kfp.dsl.pipeline_channel import PipelineChannel

DAY = 86400
DEADLINE = 7 * DAY
"""Seconds that one attempt at a training may take; the next attempt goes on where it ended."""

_SECRETS: Mapping[str, Mapping[str, str]] = {
    'pifpaf-s3': {'access_key': 'AWS_ACCESS_KEY_ID', 'secret_key': 'AWS_SECRET_ACCESS_KEY'},
    'pifpaf-mlflow': {'username': 'MLFLOW_TRACKING_USERNAME', 'password': 'MLFLOW_TRACKING_PASSWORD'},
}
_CONFIG = {
    's3_endpoint': 'AWS_ENDPOINT_URL_S3',
    's3_region': 'AWS_REGION',
    'mlflow': 'MLFLOW_TRACKING_URI',
    'kfp_ui': 'KF_PIPELINES_UI_ENDPOINT',
}


def pod(task: Any, *, name: str, image: Any, cpu: Any = '1', memory: Any = '2Gi', cache: bool = False) -> Any:
    """What each pod has.

    Args:
        task: of the pipeline.
        name: shown in the graph, and as label on the pod.
        image: container image.
        cpu: processors that the pod asks for; it may use more.
        memory: that the pod asks for.
        cache: whether equal inputs give equal outputs, so that KFP may take those of an earlier run.
    """
    task.set_display_name(name)
    task.set_container_image(image)
    task.set_caching_options(cache)
    task.set_cpu_request(cpu).set_memory_request(memory)
    _reads(task, cpu, memory)
    task.set_env_variable('PYTHONUNBUFFERED', '1')
    for secret, keys in _SECRETS.items():
        kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env=dict(keys), optional=True)
    kubernetes.use_config_map_as_env(
        task, config_map_name='pifpaf-config', config_map_key_to_env=_CONFIG, optional=True
    )
    kubernetes.set_security_context(task, run_as_non_root=True)
    kubernetes.add_pod_label(task, 'app.kubernetes.io/part-of', 'pifpaf')
    kubernetes.add_pod_label(task, 'app.kubernetes.io/component', name)
    return task


def _reads(task: Any, *resources: Any) -> None:
    """Say that a task reads these parameters: in an exit handler kfp 2.17 hands down those of arguments only."""
    task.register_pipeline_channels([resource for resource in resources if isinstance(resource, PipelineChannel)])


def patient(task: Any, *, retries: int, timeout: int) -> Any:
    """Run the task again when it fails or its node is lost, after pauses of 1 to 15 minutes.

    Args:
        task: of the pipeline.
        retries: after the first attempt.
        timeout: seconds after which an attempt is ended.
    """
    task.set_retry(num_retries=retries, backoff_duration='60s', backoff_factor=2, backoff_max_duration='900s')
    return kubernetes.set_timeout(task, timeout)


def gpu_pod(task: Any, *, gpus: Any, tolerations: Any, node_selector: Any = None) -> Any:
    """A pod that torch runs in.

    It gets ``/dev/shm`` for its data workers, for a pod's own 64 MiB end in bus errors; what they share counts as the
    pod's memory, which bounds it.

    Args:
        task: of the pipeline.
        gpus: number of GPUs; 0 is a pod like any other.
        tolerations: of the taints of nodes, besides the one that nodes with GPUs commonly have.
        node_selector: labels of the nodes to run on.
    """
    task.set_accelerator_type('nvidia.com/gpu').set_accelerator_limit(gpus)
    _reads(task, gpus)
    kubernetes.empty_dir_mount(task, volume_name='dshm', mount_path='/dev/shm', medium='Memory')
    kubernetes.add_toleration(task, key='nvidia.com/gpu', operator='Exists', effect='NoSchedule')
    kubernetes.add_toleration_json(task, tolerations)
    if node_selector is not None:
        kubernetes.add_node_selector_json(task, node_selector)
    return task


def identified(task: Any) -> Any:
    """Let the pod know who it is, so that what it creates is removed with it."""
    kubernetes.use_field_path_as_env(task, 'POD_NAME', 'metadata.name')
    kubernetes.use_field_path_as_env(task, 'POD_UID', 'metadata.uid')
    return kubernetes.use_field_path_as_env(task, 'POD_NAMESPACE', 'metadata.namespace')


def undisturbed(task: Any) -> Any:
    """Ask the cluster's autoscaler not to move the pod for the sake of a fuller node."""
    return kubernetes.add_pod_annotation(task, 'cluster-autoscaler.kubernetes.io/safe-to-evict', 'false')

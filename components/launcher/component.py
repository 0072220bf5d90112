"""The launcher, which trains in several pods, as a KFP component."""
# mypy: allow-untyped-decorators

from typing import Any

from kfp import dsl


@dsl.container_component
def launcher(
    run_root: str,
    dataset_uri: str,
    last_checkpoint: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    image: str,
    dataset: str = 'cocokp',
    basenet: str = 'shufflenetv2k16',
    epochs: int = 250,
    lr: float = 0.0003,
    batch_size: int = 32,
    square_edge: int = 385,
    checkpoint: str = '',
    train_options: dict[str, Any] = {},  # noqa: B006  (KFP reads the default and never calls this)
    nodes: int = 2,
    gpus: int = 1,
    cpu: str = '4',
    memory: str = '24Gi',
    node_selector: dict[str, Any] = {},  # noqa: B006
    tolerations: list[Any] = [],  # noqa: B006
    operator: str = 'auto',
    queue: str = '',
    deadline: int = 604800,
    experiment: str = 'pifpaf',
) -> dsl.ContainerSpec:
    """Train in several pods, which Kubeflow's operator starts, and follow them to their end.

    Args:
        run_root: Where runs live in the store, s3://bucket/key.
        dataset_uri: Prepared data set.
        last_checkpoint: Reference to the weights of the last epoch.
        metrics: Epochs, first and last loss, images per second, seconds.
        image: Container image of the training pods.
        dataset: Data modules, joined by -.
        basenet: Backbone.
        epochs: Number of epochs.
        lr: Learning rate.
        batch_size: Images a batch and GPU.
        square_edge: Edge of the training crops in pixels.
        checkpoint: Start from these weights (a URI, or the name of a published model).
        train_options: Further options of pifpaf train, e.g. {"b-scale": 10}.
        nodes: Pods that train together.
        gpus: GPUs of a pod.
        cpu: Processors that a pod asks for.
        memory: Memory of a pod; what its data workers share is part of it.
        node_selector: Labels of the nodes to train on.
        tolerations: Taints, besides nvidia.com/gpu, of the nodes that the pods may run on.
        operator: trainjob (Kubeflow Trainer), pytorchjob (the older training operator) or auto.
        queue: Kueue's local queue. Empty for a cluster without Kueue.
        deadline: Seconds after which the operator ends the training.
        experiment: MLflow experiment.
    """
    return dsl.ContainerSpec(
        image='pifpaf-tools:latest',
        command=['python3', '-m', 'components.launcher'],
        args=[
            '--run-root', run_root,
            '--run-id', f'{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}',
            '--kfp-run', dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            '--dataset-uri', dataset_uri,
            '--dataset', dataset,
            '--basenet', basenet,
            '--epochs', epochs,
            '--lr', lr,
            '--batch-size', batch_size,
            '--square-edge', square_edge,
            '--checkpoint', checkpoint,
            '--train-options', train_options,
            '--nodes', nodes,
            '--gpus', gpus,
            '--image', image,
            '--cpu', cpu,
            '--memory', memory,
            '--node-selector', node_selector,
            '--tolerations', tolerations,
            '--operator', operator,
            '--queue', queue,
            '--deadline', deadline,
            '--experiment', experiment,
            '--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip

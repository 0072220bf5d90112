"""The train stage as a KFP component."""
# mypy: allow-untyped-decorators

from typing import Any

from kfp import dsl


@dsl.container_component
def train(
    run_root: str,
    dataset_uri: str,
    last_checkpoint: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    dataset: str = 'cocokp',
    basenet: str = 'shufflenetv2k16',
    epochs: int = 250,
    lr: float = 0.0003,
    batch_size: int = 32,
    square_edge: int = 385,
    checkpoint: str = '',
    train_options: dict[str, Any] = {},  # noqa: B006  (KFP reads the default and never calls this)
    gpus: int = 1,
    experiment: str = 'pifpaf',
) -> dsl.ContainerSpec:
    """Train in one pod, resuming from the run's last committed state.

    Args:
        run_root: Where runs live in the store, s3://bucket/key.
        dataset_uri: Prepared data set.
        last_checkpoint: Reference to the weights of the last epoch.
        metrics: Epochs, first and last loss, images per second, seconds.
        dataset: Data modules, joined by -.
        basenet: Backbone.
        epochs: Number of epochs.
        lr: Learning rate.
        batch_size: Images a batch and GPU.
        square_edge: Edge of the training crops in pixels.
        checkpoint: Start from these weights (a URI, or the name of a published model).
        train_options: Further options of pifpaf train, e.g. {"b-scale": 10}.
        gpus: Processes to train with, one for each GPU of the pod.
        experiment: MLflow experiment.
    """
    return dsl.ContainerSpec(
        image='pifpaf-train:latest',
        command=['python3', '-m', 'components.train'],
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
            '--gpus', gpus,
            '--experiment', experiment,
            '--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip

"""The finish stage, the pipeline's exit handler, as a KFP component."""
# mypy: allow-untyped-decorators

from kfp import dsl


@dsl.container_component
def finish(run_root: str, status: dsl.PipelineTaskFinalStatus) -> dsl.ContainerSpec:
    """Record how the run ended where nobody else did, and send what MLflow has not got.

    Args:
        run_root: Where runs live in the store, s3://bucket/key.
        status: How the pipeline's tasks ended, filled in by KFP.
    """
    return dsl.ContainerSpec(
        image='pifpaf-tools:latest',
        command=['python3', '-m', 'components.finish'],
        args=[
            '--run-root', run_root,
            '--run-id', f'{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}',
            '--status', status,
            '--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip

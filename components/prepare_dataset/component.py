"""The prepare-dataset stage as a KFP component."""
# mypy: allow-untyped-decorators

from typing import Any

from kfp import dsl


@dsl.container_component
def prepare_dataset(
    run_root: str,
    dataset: dsl.Output[dsl.Dataset],
    dataset_uri: dsl.OutputPath(str),  # type: ignore[valid-type]
    source: str = 'coco2017',
    dataset_version: str = '1',
    prepare_options: dict[str, Any] = {},  # noqa: B006  (KFP reads the default and never calls this)
) -> dsl.ContainerSpec:
    """Bring a data set into the store, checked and under its digest; equal content is not written twice.

    Args:
        run_root: Where runs live in the store, s3://bucket/key.
        dataset: Reference to the data set, with its digest and counts.
        dataset_uri: Where the data set lies.
        source: coco2017, synthetic, or a folder or an archive in COCO's layout: a path, https:// or s3://.
        dataset_version: Part of the cache key: change it when the source's content has changed.
        prepare_options: Further options of pifpaf prepare, e.g. {"val-fraction": 0.1}.
    """
    return dsl.ContainerSpec(
        image='pifpaf-tools:latest',
        command=['python3', '-m', 'components.prepare_dataset'],
        args=[
            '--run-root', run_root,
            '--run-id', f'{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}',
            '--source', source,
            '--dataset-version', dataset_version,
            '--prepare-options', prepare_options,
            '--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip

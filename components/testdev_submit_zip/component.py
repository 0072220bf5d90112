"""The testdev-submit-zip stage as a KFP component."""
# mypy: allow-untyped-decorators

from typing import Any

from kfp import dsl


@dsl.container_component
def testdev_submit_zip(
    run_root: str,
    dataset_uri: str,
    checkpoint_uri: str,
    testdev_zip: dsl.Output[dsl.Artifact],
    dataset: str = 'cocokp',
    test_annotations: str = '',
    eval_options: dict[str, Any] = {},  # noqa: B006  (KFP reads the default and never calls this)
) -> dsl.ContainerSpec:
    """Predict the test images and write the zip that COCO's evaluation server takes.

    Args:
        run_root: Where runs live in the store, s3://bucket/key.
        dataset_uri: Prepared data set.
        checkpoint_uri: Weights to use.
        testdev_zip: One file that holds exactly predictions.json.
        dataset: Data module.
        test_annotations: List of test images, e.g. image_info_test-dev2017.json. Empty takes the validation set.
        eval_options: Further options of pifpaf eval.
    """
    return dsl.ContainerSpec(
        image='pifpaf-train:latest',
        command=['python3', '-m', 'components.testdev_submit_zip'],
        args=[
            '--run-root', run_root,
            '--run-id', f'{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}',
            '--dataset-uri', dataset_uri,
            '--checkpoint-uri', checkpoint_uri,
            '--dataset', dataset,
            '--test-annotations', test_annotations,
            '--eval-options', eval_options,
            '--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip

"""The predict stage as a KFP component."""
# mypy: allow-untyped-decorators

from typing import Any

from kfp import dsl


@dsl.container_component
def predict(
    run_root: str,
    dataset_uri: str,
    checkpoint_uri: str,
    predictions: dsl.Output[dsl.Artifact],
    gallery: dsl.Output[dsl.HTML],
    predict_images: str = '',
    eval_options: dict[str, Any] = {},  # noqa: B006  (KFP reads the default and never calls this)
) -> dsl.ContainerSpec:
    """Predict poses in a handful of images, as JSON and as pictures.

    Args:
        run_root: Where runs live in the store, s3://bucket/key.
        dataset_uri: Prepared data set.
        checkpoint_uri: Weights to use.
        predictions: Zip of the predictions and pictures.
        gallery: The pictures in one self-contained page.
        predict_images: An image or a folder of images, a URI. Empty takes 32 of the validation set.
        eval_options: Options of pifpaf eval; those that pifpaf predict knows are used.
    """
    return dsl.ContainerSpec(
        image='pifpaf-train:latest',
        command=['python3', '-m', 'components.predict'],
        args=[
            '--run-root', run_root,
            '--run-id', f'{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}',
            '--dataset-uri', dataset_uri,
            '--checkpoint-uri', checkpoint_uri,
            '--predict-images', predict_images,
            '--eval-options', eval_options,
            '--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip

"""The watch-evaluate stage as a KFP component."""
# mypy: allow-untyped-decorators

from typing import Any

from kfp import dsl


@dsl.container_component
def watch_evaluate(
    run_root: str,
    dataset_uri: str,
    metrics: dsl.Output[dsl.Metrics],
    best_checkpoint: dsl.Output[dsl.Model],
    best_checkpoint_uri: dsl.OutputPath(str),  # type: ignore[valid-type]
    report: dsl.Output[dsl.HTML],
    report_summary: dsl.Output[dsl.Markdown],
    dataset: str = 'cocokp',
    eval_epochs: str = '*[05]',
    eval_options: dict[str, Any] = {},  # noqa: B006  (KFP reads the default and never calls this)
    keep_checkpoints: int = 0,
) -> dsl.ContainerSpec:
    """Evaluate checkpoints while the run trains; end when it has ended and all are evaluated.

    Args:
        run_root: Where runs live in the store, s3://bucket/key.
        dataset_uri: Prepared data set.
        metrics: AP, AP50, AR and so on of the best checkpoint, and its epoch.
        best_checkpoint: Reference to the weights with the highest AP.
        best_checkpoint_uri: Where those weights lie.
        report: Curves, AP by epoch, arguments and versions, in one self-contained page.
        report_summary: The same in a few lines.
        dataset: Data modules, joined by -.
        eval_epochs: Pattern of the epochs to evaluate, over three digits: *[05] takes every fifth.
        eval_options: Further options of pifpaf eval, e.g. {"force-complete-pose": true}.
        keep_checkpoints: Checkpoints that stay in the store besides the best one: the last so many. 0 keeps all.
    """
    return dsl.ContainerSpec(
        image='pifpaf-train:latest',
        command=['python3', '-m', 'components.watch_evaluate'],
        args=[
            '--run-root', run_root,
            '--run-id', f'{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}',
            '--dataset-uri', dataset_uri,
            '--dataset', dataset,
            '--eval-epochs', eval_epochs,
            '--eval-options', eval_options,
            '--keep-checkpoints', keep_checkpoints,
            '--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip

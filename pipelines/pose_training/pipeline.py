"""The pose-training pipeline: prepare -> (train beside watch-evaluate) -> test-dev zip, predict; and an exit handler.

Only wiring. What a stage does is in its component's program.
"""
# mypy: allow-untyped-decorators

from typing import Any

from kfp import dsl, kubernetes

from components.finish.component import finish
from components.predict.component import predict
from components.prepare_dataset.component import prepare_dataset
from components.testdev_submit_zip.component import testdev_submit_zip
from components.train.component import train
from components.watch_evaluate.component import watch_evaluate

_S3_SECRET = {'access_key': 'AWS_ACCESS_KEY_ID', 'secret_key': 'AWS_SECRET_ACCESS_KEY'}
_CONFIG = {'s3_endpoint': 'AWS_ENDPOINT_URL_S3', 's3_region': 'AWS_REGION', 'mlflow': 'MLFLOW_TRACKING_URI'}


def build(*, concurrent_watch: bool = True) -> Any:
    """The pipeline as a function that KFP compiles or runs.

    Args:
        concurrent_watch: evaluate while training, as a cluster can. kfp.local runs tasks one after another, where an
            evaluator would wait for ever for a training that has not begun: there it follows training.
    """

    @dsl.pipeline(name='pose-training', display_name='Pose training')
    def pose_training(
        run_root: str,
        source: str = 'coco2017',
        dataset_version: str = '1',
        dataset: str = 'cocokp',
        basenet: str = 'shufflenetv2k16',
        epochs: int = 250,
        lr: float = 0.0003,
        batch_size: int = 32,
        square_edge: int = 385,
        prepare_options: dict[str, Any] = {},  # noqa: B006  (KFP reads the default and never calls this)
        train_options: dict[str, Any] = {},  # noqa: B006
        eval_options: dict[str, Any] = {},  # noqa: B006
        eval_epochs: str = '*[05]',
        checkpoint: str = '',
        test_annotations: str = '',
        predict_images: str = '',
        gpus: int = 1,
        image: str = 'pifpaf-train:latest',
        experiment: str = 'pifpaf',
    ) -> None:
        """Train a pose network, evaluate its checkpoints, and make the submission zip and sample predictions.

        Args:
            run_root: Where runs live in the store, e.g. s3://bucket/runs.
            source: Data set: coco2017, a folder or an archive in COCO's layout (path or address), or synthetic.
            dataset_version: Part of the cache key. Change it when the source's content has changed.
            dataset: Data modules, joined by -, e.g. cocokp or cocokp-cocodet.
            basenet: Backbone, e.g. shufflenetv2k16 or resnet50.
            epochs: Number of epochs.
            lr: Learning rate.
            batch_size: Images a batch and GPU.
            square_edge: Edge of the training crops in pixels.
            prepare_options: Further options of pifpaf prepare, e.g. {"val-fraction": 0.1}.
            train_options: Further options of pifpaf train, e.g. {"b-scale": 10, "cocokp-upsample": 2}.
            eval_options: Further options of pifpaf eval and predict, e.g. {"force-complete-pose": true}.
            eval_epochs: Pattern of the epochs to evaluate, over three digits. *[05] takes every fifth.
            checkpoint: Start from these weights: a URI, or the name of a published model. Empty starts from scratch.
            test_annotations: List of test images, e.g. image_info_test-dev2017.json. Empty takes the validation set.
            predict_images: Images for the gallery, a URI. Empty takes the first 32 of the validation set.
            gpus: GPUs of the training pod.
            image: Container image of all stages.
            experiment: MLflow experiment.
        """
        with dsl.ExitHandler(_on_cluster(finish(run_root=run_root), image)):
            prepared = _on_cluster(
                prepare_dataset(
                    run_root=run_root, source=source, dataset_version=dataset_version, prepare_options=prepare_options
                ),
                image,
                cache=True,
            )
            data = prepared.outputs['dataset_uri']
            training = _on_cluster(
                train(
                    run_root=run_root, dataset_uri=data, dataset=dataset, basenet=basenet, epochs=epochs, lr=lr,
                    batch_size=batch_size, square_edge=square_edge, checkpoint=checkpoint, train_options=train_options,
                    gpus=gpus, experiment=experiment,
                ),
                image,
            )  # fmt: skip
            _on_gpus(training, gpus)
            watching = _on_cluster(
                watch_evaluate(
                    run_root=run_root,
                    dataset_uri=data,
                    dataset=dataset,
                    eval_epochs=eval_epochs,
                    eval_options=eval_options,
                ),
                image,
            )
            if not concurrent_watch:
                watching.after(training)
            best = watching.outputs['best_checkpoint_uri']
            _on_cluster(
                testdev_submit_zip(
                    run_root=run_root, dataset_uri=data, checkpoint_uri=best, dataset=dataset,
                    test_annotations=test_annotations, eval_options=eval_options,
                ),
                image,
            )  # fmt: skip
            _on_cluster(
                predict(
                    run_root=run_root, dataset_uri=data, checkpoint_uri=best, predict_images=predict_images,
                    eval_options=eval_options,
                ),
                image,
            )  # fmt: skip

    return pose_training


def _on_cluster(task: Any, image: Any, *, cache: bool = False) -> Any:
    """Image, credentials and caching of a task. Only prepare-dataset gives the same for the same inputs."""
    task.set_container_image(image)
    task.set_caching_options(cache)
    task.set_env_variable('PYTHONUNBUFFERED', '1')
    kubernetes.use_secret_as_env(task, secret_name='pifpaf-s3', secret_key_to_env=_S3_SECRET, optional=True)
    kubernetes.use_config_map_as_env(
        task, config_map_name='pifpaf-config', config_map_key_to_env=_CONFIG, optional=True
    )
    return task


def _on_gpus(task: Any, gpus: Any) -> None:
    """GPUs, memory shared between data workers (a pod's own 64 MiB end in bus errors), and retries that resume."""
    task.set_accelerator_type('nvidia.com/gpu').set_accelerator_limit(gpus)
    task.set_retry(num_retries=3, backoff_duration='60s', backoff_factor=2, backoff_max_duration='3600s')
    kubernetes.empty_dir_mount(task, volume_name='dshm', mount_path='/dev/shm', medium='Memory', size_limit='16Gi')
    kubernetes.add_toleration(task, key='nvidia.com/gpu', operator='Exists', effect='NoSchedule')

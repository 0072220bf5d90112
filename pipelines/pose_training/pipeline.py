"""The pose-training pipeline: prepare -> (train beside watch-evaluate) -> test-dev zip, predict; and an exit handler.

Only wiring. What a stage does is in its component's program, what its pod is given in `pods`.
"""
# mypy: allow-untyped-decorators

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from kfp import dsl

from components.finish.component import finish
from components.launcher.component import launcher
from components.predict.component import predict
from components.prepare_dataset.component import prepare_dataset
from components.testdev_submit_zip.component import testdev_submit_zip
from components.train.component import train
from components.watch_evaluate.component import watch_evaluate

from .pods import DAY, DEADLINE, gpu_pod, identified, patient, pod, undisturbed

#: Values that the run form offers. A plugin's backbone is added here, and the pipelines are compiled again.
CHOICES = {
    'basenet': (
        'convnextbase', 'convnextsmall', 'convnexttiny', 'mobilenetv2', 'mobilenetv3large', 'mobilenetv3small',
        'resnet101', 'resnet152', 'resnet18', 'resnet50', 'resnext101', 'resnext50', 'shufflenetv2k16',
        'shufflenetv2k20', 'shufflenetv2k30', 'shufflenetv2k44', 'shufflenetv2kx5', 'shufflenetv2x1', 'shufflenetv2x2',
        'squeezenet', 'tiny',
    ),
    'operator': ('auto', 'trainjob', 'pytorchjob'),
}  # fmt: skip

_ONLY_MULTINODE = ('nodes', 'operator', 'queue')


def build(*, concurrent_watch: bool = True, multinode: bool = False) -> Any:
    """The pipeline as a function that KFP compiles or runs.

    Args:
        concurrent_watch: evaluate while training, as a cluster can. kfp.local runs tasks one after another, where an
            evaluator would wait for ever for a training that has not begun: there it follows training, and what fails
            is not tried again.
        multinode: train in several pods, which a launcher starts, in place of one.
    """

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
        keep_checkpoints: int = 0,
        checkpoint: str = '',
        test_annotations: str = '',
        predict_images: str = '',
        nodes: int = 2,
        gpus: int = 1,
        eval_gpus: int = 0,
        cpu: str = '4',
        memory: str = '24Gi',
        node_selector: dict[str, Any] = {},  # noqa: B006
        tolerations: list[Any] = [],  # noqa: B006
        operator: str = 'auto',
        queue: str = '',
        image: str = 'pifpaf-train:latest',
        tools_image: str = 'pifpaf-tools:latest',
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
            keep_checkpoints: Checkpoints that stay in the store besides the best one: the last so many. 0 keeps all.
            checkpoint: Start from these weights: a URI, or the name of a published model. Empty starts from scratch.
            test_annotations: List of test images, e.g. image_info_test-dev2017.json. Empty takes the validation set.
            predict_images: Images for the gallery, a URI. Empty takes the first 32 of the validation set.
            nodes: Pods that train together.
            gpus: GPUs of a training pod.
            eval_gpus: GPUs of the evaluating pods. 0 evaluates on processors, so that one GPU is enough for the whole.
            cpu: Processors that a training pod asks for, e.g. 4.
            memory: Memory of a training pod, e.g. 24Gi; what its data workers share in /dev/shm is part of it.
            node_selector: Labels of the nodes to train on, e.g. {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}.
            tolerations: Taints, besides nvidia.com/gpu, of nodes that pods with GPUs may run on, as for a pod.
            operator: What starts the pods: Kubeflow Trainer (trainjob), the older training operator (pytorchjob).
            queue: Kueue's local queue that admits the training. Empty for a cluster without Kueue.
            image: Container image with torch, for training and evaluation.
            tools_image: Container image without torch, for what comes before and after.
            experiment: MLflow experiment.
        """

        def patiently(task: Any, *, retries: int = 2, timeout: int = DAY) -> Any:
            return patient(task, retries=retries, timeout=timeout) if concurrent_watch else task

        finishing = finish(run_root=run_root)
        patiently(pod(finishing, name='finish', image=tools_image))
        with dsl.ExitHandler(finishing):
            prepared = prepare_dataset(
                run_root=run_root, source=source, dataset_version=dataset_version, prepare_options=prepare_options
            )
            patiently(pod(prepared, name='prepare-dataset', image=tools_image, memory='4Gi', cache=True))
            data = prepared.outputs['dataset_uri']
            what = {
                'run_root': run_root, 'dataset_uri': data, 'dataset': dataset, 'basenet': basenet, 'epochs': epochs,
                'lr': lr, 'batch_size': batch_size, 'square_edge': square_edge, 'checkpoint': checkpoint,
                'train_options': train_options, 'gpus': gpus, 'experiment': experiment,
            }  # fmt: skip
            if multinode:
                where = {
                    'nodes': nodes, 'image': image, 'cpu': cpu, 'memory': memory, 'node_selector': node_selector,
                    'tolerations': tolerations, 'operator': operator, 'queue': queue, 'deadline': DEADLINE,
                }  # fmt: skip
                training = launcher(**what, **where)
                patiently(pod(training, name='train', image=tools_image, memory='1Gi'), timeout=DEADLINE + DAY)
                identified(training)
            else:
                training = train(**what)
                patiently(pod(training, name='train', image=image, cpu=cpu, memory=memory), retries=5, timeout=DEADLINE)
                gpu_pod(training, gpus=gpus, tolerations=tolerations, node_selector=node_selector)
                training.set_memory_limit(memory)
            undisturbed(training)
            about = {'run_root': run_root, 'dataset_uri': data, 'eval_options': eval_options}
            watching = watch_evaluate(
                **about, dataset=dataset, eval_epochs=eval_epochs, keep_checkpoints=keep_checkpoints
            )
            patiently(watching, timeout=DEADLINE + DAY)
            if not concurrent_watch:
                watching.after(training)
            about['checkpoint_uri'] = watching.outputs['best_checkpoint_uri']
            submitting = testdev_submit_zip(**about, dataset=dataset, test_annotations=test_annotations)
            patiently(submitting, timeout=2 * DAY)
            predicting = patiently(predict(**about, predict_images=predict_images))
            evaluating = {'watch-evaluate': watching, 'testdev-submit-zip': submitting, 'predict': predicting}
            for name, task in evaluating.items():
                pod(task, name=name, image=image, cpu='2', memory='6Gi')
                gpu_pod(task, gpus=eval_gpus, tolerations=tolerations)

    declared = pose_training if multinode else _without(pose_training, _ONLY_MULTINODE)
    title = 'Pose training on several nodes' if multinode else 'Pose training'
    name = 'pose-training-multinode' if multinode else 'pose-training'
    return _with_choices(dsl.pipeline(name=name, display_name=title)(declared))


def _without(function: Callable[..., None], names: Sequence[str]) -> Callable[..., None]:
    """A pipeline function without some of its parameters, which keep their defaults."""
    signature = inspect.signature(function)
    kept = [parameter for name, parameter in signature.parameters.items() if name not in names]

    def shorter(*arguments: Any) -> None:  # KFP gives them by position
        function(**{parameter.name: argument for parameter, argument in zip(kept, arguments, strict=True)})

    shorter.__name__ = function.__name__
    shorter.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    lines = (function.__doc__ or '').splitlines()
    shorter.__doc__ = '\n'.join(line for line in lines if not line.strip().startswith(tuple(f'{n}:' for n in names)))
    return shorter


def _with_choices(pipeline: Any) -> Any:
    """The pipeline with a list to choose from where a parameter has one. KFP 2.17 has no way to declare it."""
    parameters = pipeline.pipeline_spec.root.input_definitions.parameters
    for name, values in CHOICES.items():
        if name in parameters:
            for value in values:
                parameters[name].literals.add(string_value=value)
    return pipeline

"""``python -m components.train``: the program of the train stage."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.runtime import core, data, provenance, weights
from components.runtime.data import DataSet
from components.runtime.executor_io import ExecutorIO
from components.runtime.run_folder import RunFolder
from components.runtime.stage import StageOptions, check_positive, stage
from pifpaf_core import command
from pifpaf_core.options import option

from .nodes import Node, this_node
from .summary import Summary
from .supervisor import Training, accompany, supervise


@dataclass(frozen=True)
class TrainOptions(StageOptions):
    """Train in this pod: the latest committed state is brought, and whatever the trainer commits goes to the store.

    Of several pods that train together (see `nodes`) each runs this program, and the first one commits.

    Attributes:
        dataset_uri: of a prepared data set.
        train_options: JSON, `core.options`.
    """

    dataset_uri: str = option('', 'prepared data set, as components.prepare_dataset reports it')
    dataset: str = option('cocokp', 'data modules, joined by -')
    basenet: str = option('shufflenetv2k16', 'backbone')
    epochs: int = option(250, 'number of epochs')
    lr: float = option(0.0003, 'learning rate')
    batch_size: int = option(32, 'images a batch and process')
    square_edge: int = option(385, 'edge of the training crops in pixels')
    checkpoint: str = option('', 'start from these weights: a URI, a file or the name of a published model')
    train_options: str = option('', 'further options of pifpaf train', metavar='JSON')
    gpus: int = option(1, 'processes to train with, one for each GPU; without GPUs 0 or 1 trains on the CPU')
    experiment: str = option('pifpaf', 'MLflow experiment')
    kfp_run: str = option('', "id of KFP's run", metavar='ID')
    poll: float = option(2.0, 'seconds between looks for new checkpoints')
    heartbeat_interval: float = option(15.0, 'seconds between signs of life')

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.dataset_uri:
            raise ValueError('no data set is given. Add --dataset-uri, as components.prepare_dataset reports it')
        core.options(self.train_options, 'train-options')
        check_positive(self, 'epochs', 'lr', 'batch_size', 'square_edge', 'poll', 'heartbeat_interval')
        if self.gpus < 0:
            raise ValueError(f'--gpus {self.gpus} is too little. Give 0 or more')


def run(options: TrainOptions, executor: ExecutorIO) -> int:
    """Train; the exit code is the trainer's."""
    run, node = options.run, this_node(os.environ)
    attempt = _begin(options, run) if node.is_first else 0
    scratch = options.scratch('train')
    output = scratch / f'{options.basenet}-{options.dataset}'
    annotations = data.annotation_files(options.dataset, ('train', 'val'))
    dataset = data.bring(options.dataset_uri, scratch / 'data', annotations)
    start = options.checkpoint
    if '://' in start:
        start = str(weights.bring(start, scratch / 'start'))
    argv = trainer_arguments(options, output=output, dataset=dataset, checkpoint=start, node=node)
    training = Training(run, attempt, argv, output, poll=options.poll, heartbeat=options.heartbeat_interval)
    if not node.is_first:
        return accompany(training)
    code, summary = supervise(training)
    if code == command.DONE:
        _report(executor, run, summary)
    return code


def trainer_arguments(
    options: TrainOptions, *, output: Path, dataset: DataSet, checkpoint: str, node: Node
) -> list[str]:
    """The trainer's command line, under torchrun."""
    processes = max(1, options.gpus)
    extra = core.options(options.train_options, 'train-options')
    places = dataset.flags(options.dataset, cache=options.cache)
    flags: dict[str, Any] = {
        'output': str(output),
        'dataset': options.dataset,
        'epochs': options.epochs,
        'lr': options.lr,
        'batch-size': options.batch_size,
        'square-edge': options.square_edge,
        'ddp': processes * node.count > 1,
        'checkpoint': checkpoint or None,
        'basenet': None if checkpoint else options.basenet,
        **{name: value for name, value in places.items() if name not in extra},
    }
    command_line = core.arguments('train', flags=flags, options=extra)
    launcher = ['components.train.torchrun', *node.torchrun_arguments(), f'--nproc-per-node={processes}']
    return [command_line[0], '-m', *launcher, *command_line[1:]]


def _begin(options: TrainOptions, run: RunFolder) -> int:
    """Write what this run is into ``run.json``; returns the number of this attempt.

    Raises:
        ValueError: the folder belongs to another run.
    """
    known = run.record()
    if known.get('kfp_run') and options.kfp_run not in ('', known['kfp_run']):
        raise ValueError(f'{run.uri} belongs to another pipeline run, {known["kfp_run"]}. Choose another --run-id')
    manifest = data.manifest(options.dataset_uri)
    code = provenance.code()
    dataset = {'name': options.dataset, 'digest': manifest['digest'], 'uri': options.dataset_uri}
    if manifest.get('val_is_train'):
        dataset['warning'] = manifest['split']  # goes with every figure
    tags = provenance.mlflow_tags(
        code,
        kfp__run_id=options.kfp_run,
        run__uri=run.uri,
        **{f'dataset__{name}': dataset[name] for name in ('digest', 'uri', 'warning') if name in dataset},
    )
    facts = {
        'experiment': options.experiment,
        'kfp_run': options.kfp_run or known.get('kfp_run', ''),
        'code': code,
        'dataset': dataset,
        'tags': tags,
    }
    return run.begin_attempt(run_id=run.run_id, began=known.get('began', time.time()), **facts)


def _report(executor: ExecutorIO, run: RunFolder, summary: Summary) -> None:
    uri = run.checkpoint_uri(max(run.epochs()))
    executor.reference('last_checkpoint', uri)
    executor.metadata('last_checkpoint', epoch=summary.epochs)
    executor.metadata('metrics', **summary.facts())
    executor.write('metrics', '')


COMMAND = stage('train', TrainOptions, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; returns its exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

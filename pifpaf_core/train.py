"""``pifpaf train``: train a network from scratch, refine a checkpoint, or continue a training that was interrupted."""

import argparse
import logging
import math
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import backbones, checkpoint, checkpoint_files, command, version
from .checkpoint import Checkpoint
from .command import UsageError
from .datasets import selection
from .datasets.loader import BatchLoader, train_loader, val_loader
from .datasets.module import Batch, DataModule
from .datasets.plan import Share
from .encoders import EncoderOptions
from .files import atomic_path, sha256
from .losses import LossOptions, MultiHeadLoss
from .network import Network, NetworkOptions
from .options import add_options, argv_from_mapping, from_args, option
from .training import batch_norm, launch, nonfinite, optimizer
from .training.allocation import keep_freed_memory
from .training.distributed import DistributedOptions, World, connect
from .training.logs import TrainingLog
from .training.objective import Objective, SpeedOptions, prepare_torch
from .training.optimizer import OptimizerOptions
from .training.options import TrainerOptions
from .training.preemption import Preemption
from .training.retention import Retention, checkpoint_path
from .training.saving import Saving
from .training.schedule import ScheduleOptions
from .training.state import StateFiles, StateOptions, check_options
from .training.trainer import Trainer
from .visualize.options import DebugOptions, ShowOptions

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutputOptions:
    """Output."""

    output: str | None = option(
        None, 'folder and name of all files of this training; if its state is there, the training continues '
        '(default: outputs/BASENET-DATE-TIME-DATASET, always new)', flag='-o --output', metavar='NAME',
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.output is not None and (not self.output or self.output.endswith('/')):
            raise ValueError(f"--output='{self.output}' names no file. Give a folder and a name, e.g. outputs/mine")


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf train`` was asked for.

    Attributes:
        debug: what is plotted of training batches; with it, data is not shuffled.
        show: where plots go.
        options: every option by the name of its flag, for the log, the checkpoints and the state.
        defaults: the same of a command line without any flag.
        silent: show no progress.
    """

    output: OutputOptions
    modules: tuple[DataModule, ...]
    encoder: EncoderOptions
    network: NetworkOptions
    backbones: Mapping[str, Any]
    loss: LossOptions
    optimizer: OptimizerOptions
    schedule: ScheduleOptions
    trainer: TrainerOptions
    speed: SpeedOptions
    distributed: DistributedOptions
    state: StateOptions
    debug: DebugOptions
    show: ShowOptions
    options: Mapping[str, Any]
    defaults: Mapping[str, Any]
    silent: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    for group in (
        *(OutputOptions, StateOptions, TrainerOptions, ScheduleOptions, OptimizerOptions),
        *(LossOptions, EncoderOptions, SpeedOptions, DistributedOptions, NetworkOptions),
    ):
        add_options(parser, group)
    backbones.add_options(parser)
    selection.add_options(parser)
    add_options(parser, ShowOptions)
    add_options(parser, DebugOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    parser = command.build_parser(COMMAND)
    debug = from_args(DebugOptions, args)
    config = Config(
        output=from_args(OutputOptions, args),
        modules=selection.from_args(args, in_order=debug.active),
        encoder=from_args(EncoderOptions, args),
        network=from_args(NetworkOptions, args),
        backbones=backbones.options_from_args(args),
        loss=from_args(LossOptions, args),
        optimizer=from_args(OptimizerOptions, args),
        schedule=from_args(ScheduleOptions, args),
        trainer=from_args(TrainerOptions, args),
        speed=from_args(SpeedOptions, args),
        distributed=from_args(DistributedOptions, args),
        state=from_args(StateOptions, args),
        debug=debug,
        show=from_args(ShowOptions, args),
        options=command.resolved(parser, args),
        defaults=command.resolved(parser, parser.parse_args([])),
        silent=args.quiet,
    )
    debug.check(config.show, others=False)
    if config.trainer.epochs is None:
        raise ValueError('no number of epochs is given. Add --epochs, e.g. --epochs=250')
    if config.network.checkpoint is None and config.network.basenet is None:
        raise ValueError('no network to train. Give --basenet, e.g. --basenet=shufflenetv2k16, or --checkpoint')
    backbones.check(config.network.basenet, config.backbones, checkpoint=config.network.checkpoint)
    if config.state.resume and config.output.output is None:
        raise ValueError('--resume does not say what to resume. Add --output with the name of the training')
    unknown = sorted(config.state.overridden - set(config.options))
    if unknown:
        raise ValueError(f"--resume-override names no option: '{unknown[0]}'. See --help")
    return config


def run(config: Config) -> None:
    """Train, or continue, and leave a copy of the last checkpoint with its digest in the name."""
    if config.trainer.replay is not None:
        _replay(config, Path(config.trainer.replay))
        return
    batch_size = config.modules[0].loader.batch_size
    processes = launch.processes(config.distributed, os.environ, batch_size=batch_size)
    if processes > 1:
        share = batch_size // processes
        LOG.info('starting on %d GPUs: --batch-size=%d means %d images on each', processes, batch_size, share)
        launch.restart(processes, 'pifpaf_core.train', _arguments(config, **{'ddp': True, 'batch-size': share}))
    with Preemption(at_once=True), connect(config.distributed) as world:
        start = _first_network(config)
        if start.epoch >= (config.trainer.epochs or 0):
            name = config.network.checkpoint
            raise UsageError(
                f'--checkpoint={name} is of epoch {start.epoch}. Raise --epochs, which count on from there'
            )
        output = Path(world.broadcast(_output(config, start.basenet)))
        with _open_log(output, world) as log:
            log.process(dict(config.options))
            _train(config, world, log, StateFiles(output), start)
            if world.is_main:
                LOG.info('trained: %s', _final_copy(output, config.trainer.epochs or 0))


def _replay(config: Config, path: Path) -> None:
    """Compute the loss of a batch again that a training has saved; see `nonfinite`."""
    with connect(config.distributed) as world:
        network = _first_network(config).network
        objective = Objective(network, MultiHeadLoss(network.metas, config.loss), config.speed, world.device)
        for line in nonfinite.replay(path, objective):
            print(line)


def _train(config: Config, world: World, log: TrainingLog, files: StateFiles, start: Checkpoint) -> None:
    if world.device.type == 'cpu':
        keep_freed_memory()
    state = world.broadcast(_saved_state(config, files, world) if world.is_main else None)
    network = start.network
    if config.distributed.sync_batchnorm:
        world.synchronize(network)
    _warn_if_unstable(config, network)
    loss = MultiHeadLoss(network.metas, config.loss)
    log.record('config', field_names=loss.field_names)
    objective = Objective(network, loss, config.speed, world.device)
    train, val = _loaders(config, world, network)
    try:
        trainer = Trainer(
            objective,
            optimizer.build([network, loss], config.optimizer, lr=config.schedule.lr),
            config.schedule,
            train,
            val,
            config.trainer,
            world,
            log,
            _saving(config, files, start, network),
            seed=config.modules[0].loader.seed,
            silent=config.silent or not world.is_main,
            epoch=start.epoch,
            observer=_plots(config, network) if world.is_main else None,
        )
        if state is not None:
            trainer.restore(state)
            state.clear()  # it is as large as the training itself
        trainer.fit()
    finally:
        train.close()
        val.close()


def _first_network(config: Config) -> Checkpoint:
    prepare_torch(config.speed, seed=config.modules[0].loader.seed)
    metas = [meta for module in config.modules for meta in module.head_metas]
    name = config.network.checkpoint
    network = replace(config.network, checkpoint=checkpoint_files.resolved(name) if name is not None else None)
    return checkpoint.start(network, metas, backbone_options=config.backbones)


def _loaders(config: Config, world: World, network: Network) -> tuple[BatchLoader, BatchLoader]:
    """Of training and of validation data."""

    def make(loader: Callable[..., BatchLoader]) -> BatchLoader:
        return loader(
            config.modules,
            network.metas,
            encoder=config.encoder,
            share=Share(world.rank, world.size),
            processes=world.local_size,
            pin=world.device.type == 'cuda',
        )

    return make(train_loader), make(val_loader)


def _plots(config: Config, network: Network) -> Callable[[int, Batch], None] | None:
    """What shows the training batches to a person, if anybody asked for it."""
    if not config.debug.active:
        return None
    from .training.plots import TrainingPlots  # and matplotlib, which other trainings do without

    LOG.info('plots of each image of each batch: data is not shuffled, and --train-batches ends an epoch early')
    return TrainingPlots(network, debug=config.debug, show=config.show)


def _saving(config: Config, files: StateFiles, start: Checkpoint, network: Network) -> Saving:
    training = {**config.options, 'resample': config.modules[0].loader.resample or 'linear'}

    def write(epoch: int) -> Path:
        path = checkpoint_path(files.output, epoch)
        checkpoint.save(
            path,
            network,
            epoch=epoch,
            basenet=start.basenet,
            backbone_options=start.backbone_options,
            training=training,
        )
        return path

    return Saving(
        files,
        interval=config.state.state_interval,
        write_checkpoint=write,
        facts={'options': dict(config.options), 'version': version.version()},
        retention=Retention(files.output, config.trainer.keep),
        command=_command_line(config),
    )


def _command_line(config: Config) -> str:
    """What to type for a training with these options on one process."""
    here = ('ddp', 'local-rank', 'output', 'resume', 'resume-override')
    return 'pifpaf train ' + shlex.join(_arguments(config, **dict.fromkeys(here)))


def _arguments(config: Config, **changes: Any) -> list[str]:
    """The shortest command line with these options, apart from ``changes``; None leaves an option out."""
    options = {**config.options, **changes}
    return argv_from_mapping({name: value for name, value in options.items() if value != config.defaults[name]})


def _saved_state(config: Config, files: StateFiles, world: World) -> dict[str, Any] | None:
    """The state to continue from, or None for a new training."""
    files.remove_debris()
    if not files.exist():
        if config.state.resume:
            raise UsageError(f'--resume: there is no state {files.current}. Check --output, or leave --resume out')
        return None
    state = files.load()
    recorded = dict(state['options'])
    if recorded['batch-size'] * state['world_size'] == config.options['batch-size'] * world.size:
        recorded['batch-size'] = config.options['batch-size']  # the same batch, split over other processes
    check_options(config.options, recorded, defaults=config.defaults, override=config.state.overridden)
    LOG.info('continuing %s after epoch %d, batch %d', files.output, state['epoch'], state['batch'])
    if state['version'] != version.version():
        LOG.warning('version %s continues what version %s has begun', version.version(), state['version'])
    return state


def _output(config: Config, basenet: str) -> str:
    if config.output.output is not None:
        return config.output.output.removesuffix('.pkl')
    dataset = '-'.join(module.name for module in config.modules)
    while True:
        name = f'outputs/{basenet}-{time.strftime("%y%m%d-%H%M%S")}-{dataset}'
        if not Path(f'{name}.log').exists():
            return name
        time.sleep(0.1)  # two trainings were started in the same second


def _open_log(output: Path, world: World) -> TrainingLog:
    """The log; opening it shows, before anything is computed, that the folder can be written."""
    path = Path(f'{output}.log')
    try:
        return TrainingLog(path if world.is_main else None)
    except OSError as error:
        raise OSError(f'cannot write {path}: {error.strerror}. Choose another --output') from error


def _final_copy(output: Path, epochs: int) -> Path:
    source = checkpoint_path(output, epochs)
    target = Path(f'{output}-{sha256(source)[:8]}.safetensors')
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
    return target


def _warn_if_unstable(config: Config, network: Network) -> None:
    """The guide's rule: learning rate times clipped gradient should not exceed the root of BatchNorm's eps."""
    eps = batch_norm.smallest_eps(network)
    change = config.schedule.lr * config.trainer.clip_grad_value
    if eps is not None and change > math.sqrt(eps):
        LOG.warning(
            '--lr times --clip-grad-value is %.3g, more than the root of the eps of BatchNorm, %.3g: the training may '
            'become unstable. Lower one of them', change, math.sqrt(eps),
        )  # fmt: skip


COMMAND = command.Command('train', 'Train or refine a network.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

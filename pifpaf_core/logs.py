"""``pifpaf logs``: draw the curves of trainings."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from . import command
from .options import add_options, from_args, option
from .run_log import RunLog, read_log

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogsOptions:
    """Curves."""

    label: tuple[str, ...] = option((), 'names for the legend, one for each log (default: the names of the files)')
    eval_suffix: str = option('.eval-*.stats.json', 'pattern of what evaluations add to the name of their checkpoint')
    first_epoch: float = option(1e-6, 'epoch, also a fraction of one, from which to draw')
    share_y: bool = option(True, 'a y axis of its own for each loss component', flag='--no-share-y')
    output: str | None = option(
        None, 'beginning of the names of the pictures (default: the first log, with a dot)', flag='-o --output'
    )
    show_file_extension: Literal['png', 'jpeg', 'pdf', 'svg'] = option('png', 'file format of the pictures')
    show_mtl_sigmas: bool = option(False, 'draw also the automatic weights of the loss components')
    show: bool = option(False, 'open the pictures in windows')


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf logs`` was asked for.

    Attributes:
        files: training logs.
    """

    files: tuple[str, ...]
    options: LogsOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('log_file', nargs='+', help="training logs, ours or OpenPifPaf's")
    add_options(parser, LogsOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    config = Config(tuple(args.log_file), from_args(LogsOptions, args))
    if config.options.label and len(config.options.label) != len(config.files):
        raise ValueError(f'{len(config.options.label)} --label for {len(config.files)} logs. Give one for each')
    return config


def run(config: Config) -> None:
    """Read the logs and draw them."""
    from .visualize import curves
    from .visualize.canvas import finish

    options = config.options
    labels = options.label or (None,) * len(config.files)
    runs = [
        read_log(path, label=label, eval_suffix=options.eval_suffix)
        for path, label in zip(config.files, labels, strict=True)
    ]
    shown: dict[str, Any] = {'first_epoch': options.first_epoch, 'window': options.show}
    figures = {
        'losses': curves.loss_figure(runs, share_y=options.share_y, **shown),
        'training': curves.training_figure(runs, **shown),
        'evaluation': curves.evaluation_figure(runs, **shown),
        'sigmas': curves.sigma_figure(runs, **shown) if options.show_mtl_sigmas else None,
    }
    for log in runs:
        print(summary(log))
    prefix = options.output if options.output is not None else f'{config.files[0]}.'
    for name, figure in figures.items():
        if figure is not None:
            path = f'{prefix}{name}.{options.show_file_extension}'
            finish(figure, path, window=options.show)
            LOG.info('written: %s', path)


def summary(log: RunLog) -> str:
    """A line for a person: where a training began and where it is."""
    kind = 'train-epoch' if log.train_epochs else 'train'
    loss = log.loss(kind)
    text = f'{log.label}: epoch {loss.epoch[-1]:g}, loss {loss.value[0]:.5g} to {loss.value[-1]:.5g}'
    for dataset in log.evaluations:
        precision = log.statistic(dataset, 'AP')
        if len(precision):
            text += f', {dataset} AP {100.0 * precision.value[-1]:.1f} at epoch {precision.epoch[-1]:g}'
    return text


COMMAND = command.Command('logs', 'Draw the curves of trainings.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

"""``pifpaf eval``: evaluate checkpoints, also while a training writes them."""

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import checkpoint, checkpoint_files, command
from .checkpoint import Checkpoint
from .checkpoint_files import epoch_of, without_pkl
from .command import DONE, FAILED, UsageError
from .datasets import selection
from .datasets.module import DataModule
from .decoders import DecoderOptions
from .decoders.inspection import Inspector
from .evaluation import Evaluation, evaluate, result_prefix, write_results
from .inputs import InputOptions
from .options import add_options, from_args, option
from .predictor import Prediction, Predictor, trained_resample
from .visualize.debug import DebugPlots
from .visualize.options import DebugOptions, ShowOptions

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluatorOptions:
    """Evaluator."""

    checkpoint: tuple[str, ...] = option(
        (), 'checkpoints to evaluate: files, patterns in quotation marks, or names of published ones', metavar='NAME'
    )
    output: str | None = option(
        None,
        'name of the results without extension, or a folder with a slash at its end (default: beside the checkpoint)',
    )
    watch: float | None = option(
        None,
        'look for new checkpoints every so many seconds (without a value: 60)',
        nargs='?',
        const=60.0,
        metavar='SECONDS',
    )
    watch_until: int | None = option(None, 'with --watch: end when this epoch was written and all is evaluated')
    eval_n_images: int | None = option(None, 'evaluate so many images only (default: all)')
    skip_epoch0: bool = option(True, 'evaluate also checkpoints of epoch 0', flag='--eval-no-skip-epoch0')
    skip_existing: bool = option(
        True, 'evaluate also checkpoints whose results are there', flag='--eval-no-skip-existing'
    )
    write_predictions: bool = option(
        False, 'write predictions as JSON, and as a zip for a test server',
        flag='--write-predictions --eval-write-predictions',
    )  # fmt: skip
    eval_show_final_image: bool = option(False, 'plot the predictions over each image')
    eval_show_final_ground_truth: bool = option(False, 'plot the ground truth over each image')

    def __post_init__(self) -> None:
        if not self.checkpoint:
            raise ValueError('no checkpoint is given. Add --checkpoint with a file, a pattern or a name')
        if self.output == '':
            raise ValueError('--output names no file. Give a name, a folder with / at its end, or leave it out')
        if self.watch is not None and not self.watch > 0.0:
            raise ValueError(f'--watch is {self.watch}. Give a positive number of seconds')
        if self.watch_until is not None and self.watch is None:
            raise ValueError('--watch-until says when to stop watching. Add --watch')
        if self.eval_n_images is not None and self.eval_n_images < 1:
            raise ValueError(f'--eval-n-images is {self.eval_n_images}. Give at least 1')

    @property
    def plots(self) -> bool:
        """Whether images are plotted."""
        return self.eval_show_final_image or self.eval_show_final_ground_truth


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf eval`` was asked for.

    Attributes:
        options: every option by the name of its flag, for the statistics file.
        silent: show no progress.
    """

    evaluator: EvaluatorOptions
    modules: tuple[DataModule, ...]
    decoder: DecoderOptions
    inputs: InputOptions
    show: ShowOptions
    debug: DebugOptions
    options: Mapping[str, Any]
    silent: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_options(parser, EvaluatorOptions)
    add_options(parser, InputOptions)
    add_options(parser, DecoderOptions)
    selection.add_options(parser)
    add_options(parser, ShowOptions)
    add_options(parser, DebugOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    config = Config(
        evaluator=from_args(EvaluatorOptions, args),
        modules=selection.from_args(args),
        decoder=from_args(DecoderOptions, args),
        inputs=from_args(InputOptions, args),
        show=from_args(ShowOptions, args),
        debug=from_args(DebugOptions, args),
        options=command.resolved(command.build_parser(COMMAND), args),
        silent=args.quiet,
    )
    config.debug.check(config.show, others=config.evaluator.plots)
    if config.evaluator.plots and not config.show.active:
        raise ValueError('--eval-show-final-image makes plots that nobody sees. Add --save-all or --show')
    one_output = config.evaluator.output is not None and not config.evaluator.output.endswith('/')
    if one_output and (config.evaluator.watch is not None or len(config.modules) > 1):
        raise ValueError(f'--output={config.evaluator.output} names one result of many. End it with / for a folder')
    return config


def run(config: Config) -> int:
    """Evaluate each checkpoint on each data set. One that fails is reported, and the rest goes on."""
    names = config.evaluator.checkpoint
    if config.evaluator.watch is not None:
        paths = checkpoint_files.watch(names, seconds=config.evaluator.watch, until=config.evaluator.watch_until)
        several = True
    else:
        found = checkpoint_files.find(names)
        paths, several = iter(found), len(found) > 1
        _check_output(config, found)
    failures = 0
    for path in paths:
        for module in config.modules:
            try:
                _evaluate(config, path, module)
            except (ValueError, OSError) as error:
                if not several:
                    raise
                LOG.error('pifpaf eval: %s: %s', path, error)
                failures += 1
    return FAILED if failures else DONE


def _check_output(config: Config, found: list[str]) -> None:
    output = config.evaluator.output
    if output is not None and len(found) > 1 and not output.endswith('/') and not Path(output).is_dir():
        raise UsageError(f'--output={output} names one result, but there are {len(found)} checkpoints. '
                         'End it with / for a folder')  # fmt: skip


def _evaluate(config: Config, path: str, module: DataModule) -> None:
    output = config.evaluator.output
    prefix = result_prefix(path, module.name, without_pkl(output) if output is not None else None)
    if config.evaluator.skip_epoch0 and epoch_of(path) == 0:
        LOG.info('%s: skipped, as it is not trained. --eval-no-skip-epoch0 evaluates it', path)
        return
    if config.evaluator.skip_existing and Path(f'{prefix}.stats.json').exists():
        LOG.info('%s: skipped, as its results are there. --eval-no-skip-existing evaluates it again', path)
        return
    loaded = checkpoint.load(path, progress=config.inputs.download_progress)
    predictor = _predictor(config, loaded, module)
    samples = module.eval_samples(predictor.preprocess, n_images=config.evaluator.eval_n_images)
    metric = module.metric()
    evaluation = evaluate(
        predictor, samples, metric, checkpoint=path, epoch=loaded.epoch, dataset=module.name,
        progress=None if config.silent else _progress,
    )  # fmt: skip
    written = write_results(
        evaluation, metric, prefix, options=dict(config.options), predictions=config.evaluator.write_predictions
    )
    print(summary(evaluation), flush=True)
    for file in written:
        LOG.info('written: %s', file)


def _predictor(config: Config, loaded: Checkpoint, module: DataModule) -> Predictor:
    preprocess = module.eval_preprocess(
        padding=config.inputs.padding, long_edge=config.inputs.long_edge, resample=trained_resample(loaded)
    )
    plots = DebugPlots(
        loaded.network.metas,
        debug=config.debug,
        show=config.show,
        inspect=Inspector(loaded.network.metas, config.decoder) if config.debug.active else None,
        poses=config.evaluator.eval_show_final_image,
        ground_truth=config.evaluator.eval_show_final_ground_truth,
    )
    loader = module.loader
    return Predictor(
        loaded,
        decoder_options=config.decoder,
        preprocess=config.inputs.adjusted(preprocess),
        device=config.inputs.device,
        batch_size=loader.batch_size,
        loader_workers=loader.loader_workers,
        datasets=[module.name],
        observer=plots if plots.active else None,
    )


def summary(evaluation: Evaluation) -> str:
    """The result for a person: a line with what matters most, then every number of the metric."""
    numbers = {
        label: f'{value:.3f}' if value >= 0.0 else 'none'  # COCO's -1: there are no such people
        for label, value in zip(evaluation.text_labels, evaluation.stats, strict=True)
    }
    first = {'AP': 'AP', 'AP50': 'AP0.5', 'AR': 'AR'}
    head = '  '.join(f'{name} {numbers[label]}' for name, label in first.items() if label in numbers)
    rest = '  '.join(f'{label} {value}' for label, value in numbers.items())
    return (
        f'epoch {evaluation.epoch:03d}  {head or "no ground truth: predictions only"}  '
        f'{evaluation.images_per_second:.1f} images/s  {evaluation.checkpoint}' + (f'\n  {rest}' if rest else '')
    )


def _progress(predictions: Iterator[Prediction], total: int) -> Iterator[Prediction]:
    return iter(tqdm(predictions, total=total, unit='image', leave=False, disable=not sys.stderr.isatty()))


COMMAND = command.Command('eval', 'Evaluate checkpoints on data sets.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

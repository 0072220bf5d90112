"""``pifpaf export onnx``: a checkpoint as an ONNX file, for programs that have no torch."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from . import checkpoint, checkpoint_files, command
from .checkpoint_files import SUFFIX, without_pkl
from .onnx_export import to_onnx
from .options import add_options, from_args, option

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportOptions:
    """Export."""

    output: str | None = option(
        None, "file to write (default: the checkpoint's name with .onnx, in this folder)", flag='-o --output'
    )
    download_progress: bool = option(True, 'show no progress bar while a checkpoint is downloaded')


@dataclass(frozen=True)
class Config:
    """What to export.

    Attributes:
        source: a file, an address, or the name of a published checkpoint.
        options: of the command.
    """

    source: str
    options: ExportOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('format', choices=('onnx',), help='onnx: one file with weights, for onnxruntime and others')
    parser.add_argument('checkpoint', help='a file, or the name of a published one')
    add_options(parser, ExportOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    return Config(args.checkpoint, from_args(ExportOptions, args))


def run(config: Config) -> None:
    """Read, export, compare, and say what it is."""
    loaded = checkpoint.load(checkpoint_files.resolved(config.source), progress=config.options.download_progress)
    output = config.options.output or output_name(config.source)
    exported = to_onnx(loaded, output)
    LOG.info('%s after epoch %d, outputs %s', exported.basenet, exported.epoch, ', '.join(exported.outputs))
    LOG.info('written: %s', output)


def output_name(source: str) -> str:
    """The name of the checkpoint, with ``.onnx`` and without its folder."""
    return without_pkl(PurePosixPath(source).name).removesuffix(SUFFIX) + '.onnx'


COMMAND = command.Command(
    'export',
    'Write a checkpoint as an ONNX file: pixels in, fields for the decoders out. It is compared with torch first.',
    add_arguments,
    configure,
    run,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

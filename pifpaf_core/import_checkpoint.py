"""``pifpaf import-checkpoint``: OpenPifPaf's checkpoint -> ours, so that it need not be imported at every start."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import checkpoint, command
from .checkpoint import Checkpoint
from .checkpoint_files import SUFFIX, without_pkl
from .openpifpaf import is_archive
from .options import add_options, from_args, option

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportOptions:
    """Import."""

    output: str | None = option(
        None, 'file to write (default: the name without .pkl, with .safetensors, in this folder)', flag='-o --output'
    )
    download_progress: bool = option(True, 'show no progress bar while a checkpoint is downloaded')


@dataclass(frozen=True)
class Config:
    """What to import.

    Attributes:
        source: a file, or the name of a published checkpoint.
        options: of the command.
    """

    source: str
    options: ImportOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('source', metavar='FILE', help='checkpoint of OpenPifPaf, or the name of a published one')
    add_options(parser, ImportOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    return Config(args.source, from_args(ImportOptions, args))


def run(config: Config) -> None:
    """Read, convert, write, and say what it is."""
    if (path := Path(config.source)).is_file() and not is_archive(path):
        raise ValueError(f'{path} is no checkpoint of OpenPifPaf. If pifpaf train wrote it, use it as it is')
    loaded = checkpoint.load(config.source, progress=config.options.download_progress)
    imported = loaded.metadata['imported']
    output = Path(config.options.output or _output_name(imported['file']))
    checkpoint.save(
        output,
        loaded.network,
        epoch=loaded.epoch,
        basenet=loaded.basenet,
        backbone_options=loaded.backbone_options,
        training=loaded.metadata['training'],
        imported=imported,
    )
    LOG.info('%s: %s', config.source, _summary(loaded))
    LOG.info('written: %s', output)


def _output_name(file: str) -> str:
    return without_pkl(file).removesuffix(SUFFIX) + SUFFIX


def _summary(loaded: Checkpoint) -> str:
    heads = ', '.join(f'{m.dataset}.{m.name} ({m.n_fields} fields, stride {m.stride})' for m in loaded.network.metas)
    version = loaded.metadata['imported']['version'] or 'of unknown version'
    return f'{loaded.basenet} after epoch {loaded.epoch}, heads {heads}, by OpenPifPaf {version}'


COMMAND = command.Command(
    'import-checkpoint',
    "Turn a checkpoint of OpenPifPaf 0.11 to 0.13 into this library's format. Nothing in the file is run.",
    add_arguments,
    configure,
    run,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

"""``pifpaf prepare``: a checked data set in the official COCO layout, with a manifest. Needs no torch."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import command, files
from .options import add_options, from_args, option
from .preparation import output, source
from .preparation.split import SplitOptions, validation_ids

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrepareOptions:
    """Preparing a data set.

    Attributes:
        source: where the data comes from.
        output: folder of the prepared data set.
        workers: images that are handled at a time.
    """

    source: str = option('', 'a folder in the COCO layout')
    output: str = option('data-mscoco', 'folder of the prepared data set')
    workers: int | None = option(None, 'images to handle at a time (default: one for each processor)')

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError('no source is given. Add --source=FOLDER')
        if self.workers is not None and self.workers < 1:
            raise ValueError(f'--workers {self.workers} is too few. Give 1 or more')


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf prepare`` was asked for."""

    prepare: PrepareOptions
    split: SplitOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_options(parser, PrepareOptions)
    add_options(parser, SplitOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    return Config(from_args(PrepareOptions, args), from_args(SplitOptions, args))


def run(config: Config) -> int:
    """Prepare the data set, or say that it is there already."""
    prepare_folder(Path(config.prepare.source), config)
    return command.DONE


def prepare_folder(root: Path, config: Config) -> dict[str, Any]:
    """Check the COCO layout below ``root`` and write it to the output folder; returns the manifest."""
    found = source.find_files(root)
    config.split.check(frozenset(file.split for file in found) - {'test'})
    request = {
        'source': 'folder',
        'annotations': {file.path.name: files.sha256(file.path) for file in found},
        'split': config.split.rule,
    }
    folder = Path(config.prepare.output)
    manifest = output.existing(folder, request)
    if manifest is not None:
        return _report(folder, manifest, 'is there already')
    checked = source.read(root, workers=config.prepare.workers or source.default_workers())
    val_ids = None
    if config.split.val_fraction is not None:
        identities = (image.identity for images in checked.images.values() for image in images)
        val_ids = validation_ids(identities, config.split.val_fraction)
    with output.staging(folder) as stage:
        writer = output.Writer(stage)
        splits = output.write_layout(writer, checked, val_ids=val_ids, val_is_train=config.split.val_is_train)
        manifest = writer.commit(
            source=config.prepare.source,
            split=config.split.rule,
            val_is_train=config.split.val_is_train,
            splits=splits,
            request=request,
        )
    return _report(folder, manifest, 'written')


def _report(folder: Path, manifest: dict[str, Any], state: str) -> dict[str, Any]:
    LOG.info('%s: %s', folder, state)
    for split, row in manifest['splits'].items():
        LOG.info('  %-6s %s', split, ', '.join(f'{n} {name.replace("_", " ")}' for name, n in row.items()))
    if manifest['val_is_train']:
        LOG.info('  %s; its figures say nothing about other images', manifest['split'])
    LOG.info('  digest %s', manifest['digest'])
    return manifest


COMMAND = command.Command(
    'prepare', 'Make a checked data set in the COCO layout, with a manifest.', add_arguments, configure, run
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

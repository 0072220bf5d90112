"""``pifpaf prepare``: a checked data set in the official COCO layout, with a manifest. Needs no torch."""

import argparse
import contextlib
import errno
import logging
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import command
from .datasets.synthetic.dataset import SyntheticOptions
from .options import add_options, from_args, option
from .preparation import contact_sheet, origin, output, source
from .preparation.origin import DownloadOptions, Origin
from .preparation.split import SplitOptions, validation_ids

LOG = logging.getLogger(__name__)
SYNTHETIC_VAL_FRACTION = 0.1


@dataclass(frozen=True)
class PrepareOptions:
    """Preparing a data set.

    Attributes:
        source: where the data come from.
        output: folder of the prepared data set.
        workers: images that are handled at a time.
        contact_sheet: picture of the first images with their annotations.
    """

    source: str = option('', "coco2017, synthetic, a folder in COCO's layout, or an archive of one (path or address)")
    output: str = option('data-mscoco', 'folder of the prepared data set')
    workers: int | None = option(None, 'images to handle at a time (default: one for each processor)')
    contact_sheet: str | None = option(None, 'also draw the first images with their annotations, to a .jpg or .png')

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError('no source is given. Add --source=coco2017, synthetic, a folder or an archive')
        if self.workers is not None and self.workers < 1:
            raise ValueError(f'--workers {self.workers} is too few. Give 1 or more')

        if self.contact_sheet is not None:
            contact_sheet.check_path(self.contact_sheet)

    @property
    def n_workers(self) -> int:
        """Workers as given or as the machine has processors."""
        return self.workers or source.default_workers()

    @property
    def downloads(self) -> Path:
        """Where downloads lie unless said otherwise."""
        return Path(f'{self.output}.downloads')


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf prepare`` was asked for."""

    prepare: PrepareOptions
    split: SplitOptions
    download: DownloadOptions
    synthetic: SyntheticOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    for options in (PrepareOptions, SplitOptions, DownloadOptions, SyntheticOptions):
        add_options(parser, options)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    prepare, split = from_args(PrepareOptions, args), from_args(SplitOptions, args)
    if prepare.source == 'synthetic' and split.val_fraction is None and not split.val_is_train:
        split = SplitOptions(val_fraction=SYNTHETIC_VAL_FRACTION)
    return Config(prepare, split, from_args(DownloadOptions, args), from_args(SyntheticOptions, args))


def run(config: Config) -> int:
    """Prepare the data set, or say that it is there already."""
    _clean_up_on_sigterm()
    if config.prepare.contact_sheet:
        contact_sheet.check_place(Path(config.prepare.contact_sheet))
    downloads = Path(config.download.downloads or config.prepare.downloads)
    if config.prepare.source == 'synthetic':
        data = origin.synthetic(config.synthetic, workers=config.prepare.n_workers)
    else:
        data = origin.of(config.prepare.source, config.download, downloads)
    prepare(data, config)
    if config.prepare.contact_sheet:
        contact_sheet.write(Path(config.prepare.output), Path(config.prepare.contact_sheet))
    if config.download.downloads is None:
        shutil.rmtree(downloads, ignore_errors=True)
    return command.DONE


def prepare(data: Origin, config: Config) -> dict[str, Any]:
    """Bring the data, check them and write them to the output folder, all or nothing; returns the manifest.

    Raises:
        ValueError: the data are not sound, or the output folder holds something else.
        OSError: something cannot be fetched, read or written.
    """
    folder = Path(config.prepare.output)
    request = {**data.request, 'split': config.split.rule}
    manifest = output.existing(folder, request)
    if manifest is not None:
        return _report(folder, manifest, 'is there already')
    with _disk_of(folder), origin.scratch_folder(folder) as scratch:
        try:
            checked, val_ids = _checked(data.bring(Path(scratch)), config)
        except ValueError as error:  # name places as the user knows them
            raise ValueError(str(error).replace(scratch, origin.shown(config.prepare.source))) from error
        with output.staging(folder) as stage:
            writer = output.Writer(stage)
            splits = output.write_layout(writer, checked, val_ids=val_ids, val_is_train=config.split.val_is_train)
            manifest = writer.commit(
                source=origin.shown(config.prepare.source),
                split=config.split.rule,
                val_is_train=config.split.val_is_train,
                splits=splits,
                request=request,
            )
    return _report(folder, manifest, 'written')


@contextlib.contextmanager
def _disk_of(folder: Path) -> Iterator[None]:
    """Name ``folder`` where its disk is full, not the hidden folder beside it in which its content comes together."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror, str(folder)) from error
        raise


def _checked(root: Path, config: Config) -> tuple[source.Source, frozenset[int] | None]:
    """The checked source, and the ids of the validation images where the split is up to us."""
    checked = source.read(root, workers=config.prepare.n_workers, check_splits=config.split.check)
    if config.split.val_fraction is None:
        return checked, None
    identities = (image.identity for split in checked.splits for image in checked.images[split])
    return checked, validation_ids(identities, config.split.val_fraction)


def _report(folder: Path, manifest: dict[str, Any], state: str) -> dict[str, Any]:
    LOG.info('%s: %s', folder, state)
    for split, row in manifest['splits'].items():
        LOG.info('  %-6s %s', split, ', '.join(f'{n} {name.replace("_", " ")}' for name, n in row.items()))
    if manifest['val_is_train']:
        LOG.info('  %s; its figures say nothing about other images', manifest['split'])
    LOG.info('  digest %s', manifest['digest'])
    return manifest


def _clean_up_on_sigterm() -> None:
    """Let a pod's or a batch system's SIGTERM end as Ctrl-C does, so that half-written folders are removed."""

    def cancel(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, cancel)


COMMAND = command.Command(
    'prepare', 'Make a checked data set in the COCO layout, with a manifest.', add_arguments, configure, run
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

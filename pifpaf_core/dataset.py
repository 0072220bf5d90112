"""``pifpaf dataset check``: what is wrong or suspicious in annotations and images. Needs no torch."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import command
from .datasets import declaration
from .options import add_options, from_args, option
from .preparation import contact_sheet, inspection, source
from .skeletons import Skeleton

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckOptions:
    """Checking a data set."""

    image_dir: str | None = option(None, 'folder of the images (default: as COCO lays them out; none: leave them out)')
    skeleton: str | None = option(None, 'file that declares the skeleton, as for --dataset (default: a known one)')
    contact_sheet: str | None = option(None, 'draw what was found, with its annotations, to a .jpg or .png')
    workers: int | None = option(None, 'images to read at a time (default: one for each processor)')
    json: bool = option(False, 'print one JSON object a file in place of a table')

    def __post_init__(self) -> None:
        if self.contact_sheet is not None:
            contact_sheet.check_path(self.contact_sheet)
        if self.contact_sheet is not None and self.image_dir == 'none':
            raise ValueError('--contact-sheet needs images. Leave out --image-dir=none')
        if self.workers is not None and self.workers < 1:
            raise ValueError(f'--workers {self.workers} is too few. Give 1 or more')


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf dataset`` was asked for.

    Attributes:
        action: what to do.
        paths: annotation files, folders in COCO's layout, or YAML files that declare a data set.
    """

    action: Literal['check']
    paths: tuple[str, ...]
    check: CheckOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('action', choices=('check',), help='what to do')
    parser.add_argument(
        'paths',
        nargs='+',
        help="annotation files in COCO's format, folders in COCO's layout, or YAML files that declare a data set",
    )
    add_options(parser, CheckOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    return Config(args.action, tuple(args.paths), from_args(CheckOptions, args))


def run(config: Config) -> int:
    """Print what was found; 1 if something needs work."""
    options = config.check
    if options.contact_sheet:
        contact_sheet.check_place(Path(options.contact_sheet))
    reports = []
    for path, images, skeleton in _files(config):
        report = inspection.inspect(
            path, images, skeleton=skeleton, workers=options.workers or source.default_workers()
        )
        reports.append(report)
        print(inspection.to_json(report) if options.json else '\n'.join(inspection.table(report)))
        for finding in report.findings:
            LOG.debug('%s: %s', finding.kind.name, finding.text or finding.record)
    if options.contact_sheet:
        inspection.draw(max(reports, key=lambda report: len(report.findings)), Path(options.contact_sheet))
        LOG.info('%s: written', options.contact_sheet)
    return command.FAILED if any(report.failed for report in reports) else command.DONE


def _files(config: Config) -> list[tuple[Path, Path | None, Skeleton | None]]:
    """Annotation files, their folders of images, and their skeletons where one is declared."""
    given = config.check.image_dir
    skeleton = declaration.read(config.check.skeleton).skeleton if config.check.skeleton else None
    files: list[tuple[Path, Path | None, Skeleton | None]] = []
    for path in map(Path, config.paths):
        if path.is_dir():
            found = source.find_files(path)
            files += [(file.path, file.images, skeleton) for file in found if file.kind != 'image_info']
        elif path.suffix in ('.yaml', '.yml'):
            declared = declaration.read(path)
            split = dict.fromkeys(declared.files.values())  # what is evaluated may be what is validated
            files += [(Path(names), Path(images), skeleton or declared.skeleton) for names, images in split]
        else:
            files.append((path, _image_dir(path) if given is None else None, skeleton))
    if given is not None:
        folder = None if given == 'none' else Path(given)
        if folder is not None and not folder.is_dir():
            raise ValueError(f'--image-dir {folder} is no folder. Give the folder of the images, or none')
        files = [(path, folder, skeleton) for path, _, skeleton in files]
    return files


def _image_dir(path: Path) -> Path:
    """Where the images of an annotation file usually lie."""
    split = path.stem.rpartition('_')[2]
    candidates = [path.parent.parent / 'images' / split, path.parent.parent / 'images', path.parent / 'images']
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise ValueError(f'no folder of images lies beside {path}. Give --image-dir, or --image-dir=none to leave them out')


COMMAND = command.Command(
    'dataset', 'Check annotations and images: exit code 1 if something needs work.', add_arguments, configure, run
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

"""``pifpaf submission``: check the zip of predictions that evaluation servers take."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from . import command
from .datasets.coco_checks import check_records, read_json
from .metrics.submission_check import check_zip
from .options import add_options, from_args, option


@dataclass(frozen=True)
class SubmissionOptions:
    """Check."""

    image_info: str | None = option(
        None, 'COCO file that lists the images; a prediction of any other image is refused', metavar='JSON'
    )


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf submission`` was asked for.

    Attributes:
        file: the zip.
    """

    file: str
    options: SubmissionOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('action', choices=('check',), help='check: look at every record')
    parser.add_argument('file', help='zip of predictions, as pifpaf eval --write-predictions makes it')
    add_options(parser, SubmissionOptions)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    return Config(args.file, from_args(SubmissionOptions, args))


def run(config: Config) -> None:
    """Check the zip and say in one line what it holds."""
    ids = None if config.options.image_info is None else _image_ids(config.options.image_info)
    contents = check_zip(config.file, image_ids=ids)
    of_how_many = '' if ids is None else f' of {len(ids)}'
    print(f'{config.file}: sound, {contents.n_records} {contents.form.name} in {contents.n_images}{of_how_many} images')


def _image_ids(path: str) -> frozenset[int]:
    document = read_json(path)
    check_records(document, file=path)
    return frozenset(image['id'] for image in document['images'])


COMMAND = command.Command('submission', 'Check a zip for an evaluation server.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

"""``python -m components.prepare_dataset``: the program of the prepare-dataset stage."""

import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from components.runtime import core, data
from components.runtime.executor_io import ExecutorIO
from components.runtime.stage import StageOptions, stage
from pifpaf_core import command
from pifpaf_core.options import option

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrepareOptions(StageOptions):
    """Bring a data set into the store: checked, under its digest, and not twice.

    Attributes:
        prepare_options: JSON, `core.options`.
    """

    source: str = option(
        'coco2017', "coco2017, synthetic, or a folder or an archive in COCO's layout: a path, https:// or s3://"
    )
    dataset_version: str = option('1', "the source's version, for people and for the pipeline's cache")
    prepare_options: str = option('', 'further options of pifpaf prepare', metavar='JSON')

    def __post_init__(self) -> None:
        super().__post_init__()
        core.options(self.prepare_options, 'prepare-options')


def run(options: PrepareOptions, executor: ExecutorIO) -> None:
    """Prepare on this machine, publish, report."""
    scratch = options.scratch('prepare')
    folder, source = scratch / 'dataset', options.source
    if source.startswith('s3://'):
        source = str(data.bring_source(source, scratch / 'source'))
    extra = core.options(options.prepare_options, 'prepare-options')
    core.run(core.arguments('prepare', flags={'source': source, 'output': str(folder)}, options=extra))
    uri, manifest = data.publish(folder, options.run_root)
    LOG.info('data set: %s', uri)
    executor.reference('dataset', uri)
    facts = {f'{split}_{name}': count for split, row in manifest['splits'].items() for name, count in row.items()}
    executor.metadata('dataset', digest=manifest['digest'], version=options.dataset_version, **facts)
    executor.parameter('dataset_uri', uri)
    shutil.rmtree(scratch, ignore_errors=True)


COMMAND = stage('prepare_dataset', PrepareOptions, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; returns its exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

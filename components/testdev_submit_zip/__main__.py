"""``python -m components.testdev_submit_zip``: the program of the testdev-submit-zip stage."""

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.runtime import core, data, tracking, weights
from components.runtime.data import DataSet
from components.runtime.executor_io import ExecutorIO
from components.runtime.stage import StageOptions, stage
from components.runtime.tracking import Tracker
from pifpaf_core import command
from pifpaf_core.metrics.submission_check import check_zip
from pifpaf_core.options import option

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SubmitOptions(StageOptions):
    """Predict the test images and write the zip that COCO's evaluation server takes, checked.

    Attributes:
        checkpoint_uri: weights.
        eval_options: JSON, `core.options`.
    """

    dataset_uri: str = option('', 'prepared data set, as components.prepare_dataset reports it')
    checkpoint_uri: str = option('', 'weights: a URI or a file')
    dataset: str = option('cocokp', 'data modules, joined by -; the first one is predicted')
    test_annotations: str = option(
        '', "list of test images in the data set's annotations, e.g. image_info_test-dev2017.json (default: validation)"
    )
    eval_options: str = option('', 'further options of pifpaf eval', metavar='JSON')

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.dataset_uri or not self.checkpoint_uri:
            raise ValueError('data set or weights are not given. Add --dataset-uri and --checkpoint-uri')
        core.options(self.eval_options, 'eval-options')

    @property
    def module(self) -> str:
        """The data module whose predictions are submitted."""
        return self.dataset.split('-')[0]

    @property
    def annotations(self) -> str:
        """Name of the annotation file that lists the images."""
        known = data.annotation_files(self.module, ('val',))
        if not known:
            raise ValueError(
                f"predictions of '{self.module}' are in no format that COCO's server takes. Give --dataset=cocokp"
            )
        return Path(self.test_annotations).name or known[0]


def run(options: SubmitOptions, executor: ExecutorIO) -> None:
    """Predict, check, publish."""
    run, scratch = options.run, options.scratch('submission')
    shutil.rmtree(scratch / 'results', ignore_errors=True)
    dataset = data.bring(options.dataset_uri, scratch / 'data', [options.annotations])
    extra = core.options(options.eval_options, 'eval-options')
    flags = eval_flags(options, dataset)
    if 'data-cache' in extra:
        flags.pop('data-cache', None)
    checkpoint = weights.bring(options.checkpoint_uri, scratch / 'weights')
    prefix = scratch / 'results' / f'{run.run_id}-{options.module}'
    extra.pop('coco-no-eval-annotation-filter', None)  # every image of the list is predicted in any case
    flags |= {'checkpoint': str(checkpoint), 'output': str(prefix)}
    core.run(core.arguments('eval', flags=flags, options=extra), silent=True)
    path = prefix.with_name(f'{prefix.name}.zip')
    document = json.loads((dataset.annotations / options.annotations).read_text())
    contents = check_zip(path, image_ids=[image['id'] for image in document['images']])
    uri = f'{run.uri}/submission/{path.name}'
    run.store.put(path, f'submission/{path.name}')
    executor.write('testdev_zip', path.read_bytes(), suffix='.zip')
    executor.metadata('testdev_zip', predictions=contents.n_records, images=contents.n_images, stored=uri)
    run_id = run.record().get('mlflow', {}).get('run_id')
    if run_id and tracking.is_wanted():
        with tracking.best_effort('the submission'):
            Tracker(run_id).file(path, 'submission')
    LOG.info('%d predictions in %d images: %s', contents.n_records, contents.n_images, uri)


def eval_flags(options: SubmitOptions, dataset: DataSet) -> dict[str, Any]:
    """Flags of ``pifpaf eval``: which images, and that predictions are wanted."""
    module = options.module
    places = dataset.flags(module, cache=options.cache)
    return {
        **{name: value for name, value in places.items() if name == 'data-cache'},
        'dataset': module,
        f'{module}-eval-annotations': str(dataset.annotations / options.annotations),
        f'{module}-eval-image-dir': dataset.image_folder('test' if options.test_annotations else 'val'),
        'coco-no-eval-annotation-filter': True,
        'write-predictions': True,
        'quiet': True,
    }


COMMAND = stage('testdev_submit_zip', SubmitOptions, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; returns its exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

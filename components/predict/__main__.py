"""``python -m components.predict``: the program of the predict stage."""

import io
import itertools
import json
import logging
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.runtime import core, data, tracking, weights
from components.runtime.executor_io import ExecutorIO
from components.runtime.stage import StageOptions, check_positive, stage
from components.runtime.store import join, open_store
from components.runtime.tracking import Tracker
from pifpaf_core import command
from pifpaf_core.options import option

from .gallery import gallery

LOG = logging.getLogger(__name__)

_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp')


@dataclass(frozen=True)
class PredictStageOptions(StageOptions):
    """Predict poses in a handful of images, as JSON and as pictures.

    Attributes:
        checkpoint_uri: weights.
        eval_options: JSON, `core.options`.
    """

    dataset_uri: str = option('', 'prepared data set, as components.prepare_dataset reports it')
    checkpoint_uri: str = option('', 'weights: a URI or a file')
    predict_images: str = option('', 'an image or a folder of images, a URI (default: of the validation set)')
    n_images: int = option(32, 'images at most, the first ones by name')
    eval_options: str = option('', 'options of pifpaf eval; those that pifpaf predict knows are used', metavar='JSON')

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.dataset_uri or not self.checkpoint_uri:
            raise ValueError('data set or weights are not given. Add --dataset-uri and --checkpoint-uri')
        core.options(self.eval_options, 'eval-options')
        check_positive(self, 'n_images')


def run(options: PredictStageOptions, executor: ExecutorIO) -> None:
    """Predict, draw, publish."""
    run, scratch = options.run, options.scratch('predict')
    shutil.rmtree(scratch / 'results', ignore_errors=True)
    images = _images(options, scratch)
    checkpoint = weights.bring(options.checkpoint_uri, scratch / 'weights')
    results = scratch / 'results'
    results.mkdir(parents=True)
    flags = {'checkpoint': str(checkpoint), 'json-output': str(results), 'image-output': str(results), 'quiet': True}
    known = known_options(core.options(options.eval_options, 'eval-options'))
    core.run(core.arguments('predict', *map(str, images), flags=flags, options=known))
    files = sorted(results.iterdir())
    for path in files:
        run.store.put(path, f'predictions/{path.name}')
    pictures = [path for path in files if path.suffix != '.json']
    page = gallery(f'Predictions of {run.run_id}', [(path, _caption(path)) for path in pictures])
    run.store.write('report/gallery.html', page.encode())
    executor.write('gallery', page, suffix='.html')
    executor.write('predictions', _archive(files), suffix='.zip')
    executor.metadata('predictions', images=len(images), checkpoint=options.checkpoint_uri)
    run_id = run.record().get('mlflow', {}).get('run_id')
    if run_id and tracking.is_wanted():
        with tracking.best_effort('the pictures'):
            _track(Tracker(run_id), pictures, page)
    LOG.info('%d images: %s/predictions', len(images), run.uri)


def known_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options of ``pifpaf eval`` that ``pifpaf predict`` has too."""
    from pifpaf_core import predict

    flags = command.build_parser(predict.COMMAND)._option_string_actions
    return {name: value for name, value in options.items() if f'--{name}' in flags}


def _images(options: PredictStageOptions, scratch: Path) -> list[Path]:
    """Files of the images, brought here where they lie elsewhere.

    Raises:
        ValueError: there are none, or two of one name, whose predictions would be one file.
    """
    data.manifest(options.dataset_uri)
    uri = options.predict_images or join(options.dataset_uri, 'images', 'val2017')
    is_image = uri.lower().endswith(_SUFFIXES)
    store = open_store(uri.rpartition('/')[0] or '.' if is_image else uri)
    wanted = uri.rpartition('/')[2] if is_image else ''
    found = (key for key, _ in store.list(wanted) if key.lower().endswith(_SUFFIXES))
    keys = list(itertools.islice(found, options.n_images))
    if not keys:
        raise ValueError(f'{uri} holds no images. Give an image or a folder of images ({", ".join(_SUFFIXES)})')
    names: dict[str, str] = {}
    for key in keys:
        other = names.setdefault(Path(key).name, key)
        if other != key:
            raise ValueError(f"{uri} has two images of one name, '{other}' and '{key}'. Rename one, or name one folder")
    folder = scratch / 'images'
    shutil.rmtree(folder, ignore_errors=True)
    for key in keys:
        store.get(key, folder / Path(key).name)
    return [folder / Path(key).name for key in keys]


def _caption(picture: Path) -> str:
    """Name and number of poses."""
    predictions = picture.with_suffix('.json')
    poses = json.loads(predictions.read_text()) if predictions.exists() else []
    return f'{picture.name.removesuffix(".predictions.jpeg")}: {len(poses)} pose{"s" * (len(poses) != 1)}'


def _archive(files: Sequence[Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.name)
    return buffer.getvalue()


def _track(tracker: Tracker, pictures: Sequence[Path], page: str) -> None:
    for path in pictures:
        tracker.file(path, 'pictures')
        tracker.image(path, f'poses/{path.name.removesuffix(".predictions.jpeg")}', step=0)
    tracker.contents({'gallery.html': page.encode()}, 'report')


COMMAND = stage('predict', PredictStageOptions, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; returns its exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

"""Predictions of a few validation images with the best checkpoint, as small pictures for the report."""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.predict.__main__ import known_options
from components.predict.gallery import small_jpeg
from components.runtime import core
from components.runtime.run_folder import RunFolder
from components.runtime.store import open_store

LOG = logging.getLogger(__name__)

N_IMAGES = 6
_SUFFIXES = ('.jpg', '.jpeg', '.png')


def samples(run: RunFolder, epoch: int, images: str, options: Mapping[str, Any], scratch: Path) -> dict[str, bytes]:
    """{caption: JPEG}; empty, with a warning, where the images cannot be predicted: a report has them or has not.

    Args:
        run: the run.
        epoch: whose weights to use.
        images: folder of the validation images, a URI.
        options: of ``pifpaf eval``; those that ``pifpaf predict`` knows are used.
        scratch: folder for what lies here for a moment.
    """
    folder = scratch / 'samples'
    shutil.rmtree(folder, ignore_errors=True)
    try:
        store = open_store(images)
        keys = [key for key, _ in store.list() if key.lower().endswith(_SUFFIXES)][:N_IMAGES]
        for key in keys:
            store.get(key, folder / 'images' / Path(key).name)
        weights = run.fetch_checkpoint(epoch, folder)
        results = folder / 'results'
        results.mkdir(parents=True, exist_ok=True)
        flags = {'checkpoint': str(weights), 'json-output': str(results), 'image-output': str(results), 'quiet': True}
        inputs = [str(folder / 'images' / Path(key).name) for key in keys]
        if inputs:
            core.run(core.arguments('predict', *inputs, flags=flags, options=known_options(options)), silent=True)
        return {_caption(path): small_jpeg(path) for path in sorted(results.glob('*.jpeg'))}
    except (OSError, core.CommandFailed) as error:
        LOG.warning('the report has no sample predictions: %s', error)
        return {}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _caption(picture: Path) -> str:
    poses = json.loads(picture.with_suffix('.json').read_text())
    return f'{picture.name.removesuffix(".predictions.jpeg")}: {len(poses)} pose{"s" * (len(poses) != 1)}'

"""``pifpaf predict``: find poses in images and videos; write them as JSON and draw them."""

import argparse
import glob
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import checkpoint, checkpoint_files, command, readers, video
from .command import DONE, FAILED, UsageError
from .datasets.images import read_image
from .decoders import DecoderOptions
from .decoders.inspection import Inspector
from .files import write_atomically
from .inputs import InputOptions
from .options import add_options, from_args, option
from .predictor import Prediction, Predictor, trained_resample
from .transforms import Preprocess
from .visualize.debug import DebugPlots
from .visualize.options import DebugOptions, ShowOptions
from .visualize.poses import save_poses

LOG = logging.getLogger(__name__)

SUFFIXES = frozenset(('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'))
"""What counts as an image in a folder."""


@dataclass(frozen=True)
class PredictOptions:
    """Input and output."""

    checkpoint: str | None = option(None, 'checkpoint: a file, or the name of a published one')
    glob: str | None = option(None, 'pattern of image files, for many images', metavar='PATTERN')
    image_output: str | None = option(
        None, 'draw the poses: into this file, or folder (without a value: beside each image or video)',
        flag='-o --image-output', nargs='?', const='', metavar='PATH',
    )  # fmt: skip
    json_output: str | None = option(
        None, 'write the poses as JSON: into this file, or folder (without a value: beside each image)',
        nargs='?', const='', metavar='PATH',
    )  # fmt: skip
    batch_size: int = option(1, 'images of equal size that the network sees at once')
    loader_workers: int | None = option(
        None, 'threads that read images, 0 to read between predictions (default: one a CPU core, at most 4)'
    )
    resample: Literal['linear', 'area'] | None = option(
        None, 'how images are resampled: linear, or area with anti-aliasing (default: as in training)'
    )

    def __post_init__(self) -> None:
        if self.checkpoint is None:
            raise ValueError('no checkpoint is given. Add --checkpoint with a file or a name')
        if self.batch_size < 1:
            raise ValueError(f'--batch-size is {self.batch_size}. Give at least 1')
        if self.loader_workers is not None and self.loader_workers < 0:
            raise ValueError(f'--loader-workers is {self.loader_workers}. Give 0 or more')


@dataclass(frozen=True)
class Config:
    """All that ``pifpaf predict`` was asked for.

    Attributes:
        images: files, of images or videos, folders of images, images or prefixes of a store, or - for a list of files
            on standard input.
    """

    images: tuple[str, ...]
    options: PredictOptions
    inputs: InputOptions
    decoder: DecoderOptions
    show: ShowOptions
    debug: DebugOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        'images',
        nargs='*',
        help='files of images or videos, folders of images (also s3://bucket/folder), or - for a list on stdin',
    )
    for group in (PredictOptions, InputOptions, DecoderOptions, ShowOptions, DebugOptions):
        add_options(parser, group)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    config = Config(
        images=tuple(args.images),
        options=from_args(PredictOptions, args),
        inputs=from_args(InputOptions, args),
        decoder=from_args(DecoderOptions, args),
        show=from_args(ShowOptions, args),
        debug=from_args(DebugOptions, args),
    )
    config.debug.check(config.show)
    if not config.images and config.options.glob is None:
        raise ValueError('no image is given. Name files or folders, or - for a list on standard input, or --glob')
    return config


def run(config: Config) -> int:
    """Predict all images and videos; one that cannot be used is reported, and the rest goes on."""
    paths = list(image_paths(config.images, config.options.glob))
    _check_outputs(config, paths)
    predictor = _predictor(config)
    problems: list[str] = []

    def report(error: OSError | ValueError) -> None:
        problems.append(str(error))
        LOG.error('pifpaf predict: %s', error)

    start, done = time.perf_counter(), 0
    for prediction in predictor.predict_files((path for path in paths if not video.is_video(path)), on_error=report):
        _write(config, prediction)
        done += 1
    for path in filter(video.is_video, paths):
        try:
            done += _write_video(config, predictor, path)
        except (OSError, ValueError) as error:
            report(error)
    seconds = time.perf_counter() - start
    LOG.info(
        '%d images in %.1f s, %.1f images/s: network %.0f ms, decoder %.1f ms an image',
        done, seconds, done / seconds, 1e3 * predictor.times.network / max(1, done),
        1e3 * predictor.times.decoder / max(1, done),
    )  # fmt: skip
    if problems:
        what = 'files' if any(map(video.is_video, paths)) else 'images'
        LOG.error(
            'pifpaf predict: %d of %d %s could not be used. See the messages above', len(problems), len(paths), what
        )
    return FAILED if problems else DONE


def image_paths(names: Sequence[str], pattern: str | None) -> Iterator[str]:
    """Image and video files that arguments and a pattern mean, in order, each once.

    Raises:
        ValueError: a folder or pattern holds no image, or standard input lists none.
    """
    found = [path for name in names for path in _listed(name)]
    if pattern is not None:
        found += sorted(glob.glob(pattern, recursive=True)) or _none(f"--glob='{pattern}' matches no file")  # noqa: PTH207
    return iter(dict.fromkeys(found))


def _listed(name: str) -> list[str]:
    if name == '-':
        lines = [line.strip() for line in sys.stdin]
        return [line for line in lines if line] or _none('standard input lists no image')
    if readers.is_remote(name):
        return _listed_afar(name)
    if Path(name).is_dir():
        images = sorted(str(path) for path in Path(name).iterdir() if path.suffix.lower() in SUFFIXES)
        return images or _none(f"folder '{name}' holds no image")
    return [name]


def _listed_afar(address: str) -> list[str]:
    """An image of a store, or those directly below a prefix."""
    if video.is_video(address):
        raise ValueError(
            f"'{address}' is a video in a store, and only images are read there. Fetch it, and name the file"
        )
    if Path(address).suffix.lower() in SUFFIXES:
        return [address]
    below = sorted(name for name in readers.names(address) if '/' not in name and Path(name).suffix.lower() in SUFFIXES)
    return [readers.join(address, name) for name in below] or _none(f"'{address}' holds no image")


def _none(problem: str) -> list[str]:
    raise ValueError(f'{problem}. Name image files, folders of images, or patterns that match some')


def output_path(target: str | None, image: str, suffix: str) -> Path | None:
    """Where the output for ``image`` goes.

    Args:
        target: what the option says: None for no output, empty for a file beside the image, else a file or a folder,
            which ends with a slash or exists.
        image: path of the image.
        suffix: of the output's name, behind the image's whole name.
    """
    if target is None:
        return None
    if target == '':
        return Path(image + suffix)
    if target.endswith('/') or Path(target).is_dir():
        return Path(target, Path(image).name + suffix)
    return Path(target)


def _json_path(config: Config, image: str) -> Path | None:
    return output_path(config.options.json_output, image, '.predictions.json')


def _image_path(config: Config, image: str) -> Path | None:
    extension = 'mp4' if video.is_video(image) else config.show.show_file_extension
    return output_path(config.options.image_output, image, f'.predictions.{extension}')


def _check_outputs(config: Config, paths: Iterable[str]) -> None:
    """Refuse to write the output of one image over another's, or over an image, or a video into a picture."""
    paths = list(paths)
    for path in filter(video.is_video, paths):
        drawn = _image_path(config, path)
        if drawn is not None and drawn.suffix.lower() not in video.WRITTEN:
            raise UsageError(f"--image-output: '{drawn}' is no {' or '.join(video.WRITTEN)}, but '{path}' is a video. "
                             'Name a video, or a folder, with / at its end')  # fmt: skip
    for option_name, path_of in (('--json-output', _json_path), ('--image-output', _image_path)):
        taken = {Path(path): path for path in paths}
        for path in paths:
            output = path_of(config, path)
            if output is None:
                break
            if readers.is_remote(path) and str(output).startswith(str(Path(path))):
                raise UsageError(
                    f"{option_name}: '{path}' lies in a store, and beside it nothing is written. "
                    'Name a folder of this machine, with / at its end'
                )
            if output in taken:
                raise UsageError(
                    f"{option_name}: the output for '{path}' would overwrite that for '{taken[output]}', or the image. "
                    'Name a folder, with / at its end, or none'
                )
            taken[output] = path


def _predictor(config: Config) -> Predictor:
    assert config.options.checkpoint is not None
    path = checkpoint_files.resolved(config.options.checkpoint)
    loaded = checkpoint.load(path, progress=config.inputs.download_progress)
    resample = config.options.resample or trained_resample(loaded)
    preprocess = Preprocess(config.inputs.long_edge, config.inputs.padding, resample)
    metas = loaded.network.metas
    inspector = Inspector(metas, config.decoder) if config.debug.active else None
    plots = DebugPlots(metas, debug=config.debug, show=config.show, inspect=inspector)
    return Predictor(
        loaded,
        decoder_options=config.decoder,
        preprocess=config.inputs.adjusted(preprocess),
        device=config.inputs.device,
        batch_size=config.options.batch_size,
        loader_workers=config.options.loader_workers,
        observer=plots if plots.active else None,
    )


def _write(config: Config, prediction: Prediction) -> None:
    """Write and draw what was found in one image."""
    annotations, meta = prediction
    json_path, image_path = _json_path(config, meta.file_name), _image_path(config, meta.file_name)
    scores = ', '.join(f'{annotation.score:.2f}' for annotation in annotations)
    LOG.info('%s: %d found%s', meta.file_name, len(annotations), f' ({scores})' if scores else '')
    if json_path is not None:
        write_atomically(json_path, json.dumps([annotation.to_coco() for annotation in annotations]) + '\n')
    if image_path is not None or config.show.show:
        save_poses(image_path, read_image(meta.file_name), annotations, options=config.show)


def _write_video(config: Config, predictor: Predictor, path: str) -> int:
    """Write and draw what was found in a video; the number of its frames."""
    frames, found = video.predict_video(
        predictor, path, json_path=_json_path(config, path), drawn_path=_image_path(config, path), show=config.show
    )
    LOG.info('%s: %d found in %d frames', path, found, frames)
    return frames


COMMAND = command.Command('predict', 'Find poses in images and videos.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

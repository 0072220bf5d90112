"""From JPEG files to training samples: one sample in one thread, and batches from two worker processes."""

import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import Figure, timed
from pifpaf_core import prepare
from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKp, CocoKpOptions
from pifpaf_core.datasets.loader import train_loader
from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.encoders import EncoderOptions

STRIDE, BATCH, WORKERS = 16, 8, 2
PER_SAMPLE, PER_SECOND = 102.0, 22.0
"""OpenPifPaf 0.13: milliseconds for a sample, and samples a second from two workers."""


def measure(*, smoke: bool) -> Iterator[Figure]:
    """Render people, 640 x 480, and load them with augmentation: 385 px, CIF and CAF targets."""
    with tempfile.TemporaryDirectory() as folder:
        options = rendered(Path(folder, 'data'), 8 if smoke else 160)
        module = loaded(options, batch=2 if smoke else BATCH, workers=WORKERS)
        yield _one(module, 2 if smoke else 100)
        yield batches(module, epochs=1 if smoke else 20)


def rendered(folder: Path, n_images: int) -> CocoKpOptions:
    """Synthetic people, 640 x 480, in a new folder."""
    if prepare.main(
        ['--source=synthetic', f'--n-images={n_images}', f'--output={folder}', '--quiet', '--val-is-train']
    ):
        raise ValueError('the images cannot be rendered. See what prepare said')
    annotations = folder / 'annotations/person_keypoints_train2017.json'
    return CocoKpOptions(train_annotations=str(annotations), train_image_dir=str(folder / 'images/train2017'))


def loaded(options: CocoKpOptions, *, batch: int, workers: int) -> CocoKp:
    """The data as training reads it."""
    loader = LoaderOptions(batch_size=batch, loader_workers=workers)
    (module,) = selection.build('cocokp', options={'cocokp': options}, loader=loader)
    assert isinstance(module, CocoKp)
    return module


def _one(module: CocoKp, repetitions: int) -> Figure:
    """A sample of an image with two people, another augmentation each time."""
    metas = [meta.bound(index, STRIDE) for index, meta in enumerate(module.head_metas)]
    source = module.train_source(metas, EncoderOptions())
    pairs = [index for index in range(len(source)) if len(source.images.truth_of(index)) == 2] or [0]
    epochs = itertools.count()

    def sample() -> object:
        epoch = next(epochs)
        return source.targets(source.sample(epoch, pairs[epoch % len(pairs)]))

    return timed('sample, 640 x 480 JPEG to 385 px, 2 people', sample, repetitions, openpifpaf=PER_SAMPLE)


def batches(module: CocoKp, *, epochs: int) -> Figure:
    """Samples a second of an epoch, the first epoch (which starts the workers) left out."""
    metas = [meta.bound(index, STRIDE) for index, meta in enumerate(module.head_metas)]
    loader = train_loader([module], metas, encoder=EncoderOptions())
    rates = []
    for epoch in range(epochs + 1):
        began = time.perf_counter()
        images = sum(len(batch.images) for batch in loader.epoch(epoch))
        rates.append(images / (time.perf_counter() - began))
    loader.close()
    rates = sorted(rates[1:])
    name = f'loader, {module.loader.loader_workers} workers, batch {module.loader.batch_size}'
    return Figure(name, rates[len(rates) // 2], rates[-1], 'samples/s', openpifpaf=PER_SECOND)

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
        data = Path(folder, 'data')
        argv = ['--source=synthetic', f'--n-images={8 if smoke else 160}', f'--output={data}', '--quiet']
        if prepare.main([*argv, '--val-is-train']) != 0:
            raise ValueError('the images cannot be rendered. See what prepare said')
        options = CocoKpOptions(
            train_annotations=str(data / 'annotations/person_keypoints_train2017.json'),
            train_image_dir=str(data / 'images/train2017'),
        )
        loader = LoaderOptions(batch_size=BATCH if not smoke else 2, loader_workers=WORKERS)
        (module,) = selection.build('cocokp', options={'cocokp': options}, loader=loader)
        assert isinstance(module, CocoKp)
        yield _one(module, 2 if smoke else 100)
        yield _batches(module, 1 if smoke else 20)


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


def _batches(module: CocoKp, epochs: int) -> Figure:
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
    name = f'loader, {WORKERS} workers, batch {BATCH}'
    return Figure(name, rates[len(rates) // 2], rates[-1], 'samples/s', openpifpaf=PER_SECOND)

"""Checkpoint and images to annotations, in batches; reading, network and decoding overlap."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from .annotation import Annotation, Array
from .checkpoint import Checkpoint
from .datasets.images import read_image
from .decoders import DecoderOptions, decoders
from .headmeta import HeadMeta
from .network import Network
from .overlap import ahead, batched_by_size
from .transforms import ImageMeta, Preprocess, Sample

A = TypeVar('A')

Observer = Callable[[Sample, list[Array], list[Annotation]], None]
"""Sees network input, fields in inference layout and annotations in input pixels, image by image in order."""

ErrorHandler = Callable[[OSError | ValueError], None]
"""Takes what is wrong with an image; then the next one follows."""


class Prediction(NamedTuple):
    """What was found in one image.

    Attributes:
        annotations: in original pixels and decoder order.
        meta: of the image; its ``file_name`` is the path.
    """

    annotations: list[Annotation]
    meta: ImageMeta


@dataclass
class Times:
    """Seconds that all images so far took.

    Attributes:
        network: in the network, from pixels on the host to fields on the host.
        decoder: in the decoders, added up over their threads.
    """

    network: float = 0.0
    decoder: float = 0.0


@dataclass(frozen=True, eq=False)
class _Seen:
    """One image behind the network or behind the decoder: its place, and what is known of it by then."""

    index: int
    sample: Sample
    fields: list[Array]
    annotations: list[Annotation]
    network_seconds: float
    decoder_seconds: float = 0.0


class Predictor:
    """Finds annotations in images.

    Images of equal padded size share a batch and no image is padded for the sake of another one, so that every batch
    size gives the predictions of batch size 1. The order of the images is kept.

    Streams may be endless: at most ``2 * max(loader_workers, batch_size) + 6 * batch_size + 2 * decoder_workers + 4``
    images were taken and not given back yet.

    Args:
        checkpoint: as `checkpoint.load` gives it; its network moves to ``device`` and into eval mode.
        decoder_options: thresholds and the like.
        preprocess: how images become network inputs (default: their own size, resampled as in training).
        device: of the network, e.g. ``cuda``.
        batch_size: images that the network sees at once.
        loader_workers: threads that read images; 0 reads in the caller's thread (default: one a CPU core, at most 4).
        datasets: names of data sets whose heads are decoded (default: all heads).
        observer: see `Observer`.

    Raises:
        ValueError: the checkpoint has no heads for ``datasets``, or the decoder that was asked for does not fit them.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        decoder_options: DecoderOptions | None = None,
        preprocess: Preprocess | None = None,
        device: str | torch.device = 'cpu',
        batch_size: int = 1,
        loader_workers: int | None = None,
        datasets: Sequence[str] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.network: Network = checkpoint.network.to(device).to(memory_format=torch.channels_last).eval()
        self.preprocess = preprocess or Preprocess(resample=trained_resample(checkpoint))
        self.times = Times()
        self._device = torch.device(device)
        self._batch_size = batch_size
        self._loader_workers = min(_cores(), 4) if loader_workers is None else loader_workers
        self._observer = observer
        options = decoder_options or DecoderOptions()
        self._decoders = decoders(_heads_of(self.network.metas, datasets), options)
        self._decoder_workers = options.decoder_workers or _cores()

    def predict_files(
        self, paths: Iterable[str | Path], *, on_error: ErrorHandler | None = None
    ) -> Iterator[Prediction]:
        """Predict image files.

        Args:
            paths: of the images.
            on_error: called for an image that cannot be used, after which the rest goes on; None raises.

        Raises:
            OSError: an image cannot be read, and there is no ``on_error``.
        """
        return self._predict(self._read_file, paths, on_error)

    def predict_images(self, images: Iterable[Any]) -> Iterator[Prediction]:
        """Predict images in memory, e.g. the frames of a video.

        Args:
            images: uint8 RGB arrays [H, W, 3], uint8 tensors [3, H, W], or PIL images.
        """
        return self._predict(lambda image: self.preprocess(_as_array(image)), images, None)

    def predict_samples(
        self, samples: Iterable[Callable[[], Sample]], *, on_error: ErrorHandler | None = None
    ) -> Iterator[Prediction]:
        """Predict samples, each made by a call, side by side in threads."""
        return self._predict(lambda make: make(), samples, on_error)

    def predict_batch(self, samples: Sequence[Sample]) -> list[Prediction]:
        """Predict samples of equal size at once, in the caller's thread."""
        return [self._finished(self._decoded(seen)) for seen in self._through_network(list(enumerate(samples)))]

    def _predict(
        self, make: Callable[[A], Sample], items: Iterable[A], on_error: ErrorHandler | None
    ) -> Iterator[Prediction]:
        problems: dict[int, OSError | ValueError] = {}
        workers = self._loader_workers
        read = ahead(_caught(make), items, threads=workers, depth=2 * max(workers, self._batch_size))
        batches = batched_by_size(_sound(read, problems), self._batch_size)
        seen = (image for batch in ahead(self._through_network, batches, threads=1, depth=1) for image in batch)
        threads = self._decoder_workers
        decoded = {}
        position = 0
        for image in ahead(self._decoded, seen, threads=threads, depth=2 * threads):
            decoded[image.index] = image
            while position in decoded or position in problems:
                if position in decoded:
                    yield self._finished(decoded.pop(position))
                else:
                    _report(problems.pop(position), on_error)
                position += 1
        for index in sorted(problems):  # behind the last sound image
            _report(problems[index], on_error)

    def _read_file(self, path: str | Path) -> Sample:
        return self.preprocess(read_image(path), file_name=str(path))

    def _through_network(self, batch: list[tuple[int, Sample]]) -> list[_Seen]:
        start = time.perf_counter()
        pixels = torch.from_numpy(np.stack([sample.image for _, sample in batch])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            images = self.network.normalize(pixels.to(self._device))
            fields = [field.float().cpu().numpy() for field in self.network.predict(images)]
        seconds = (time.perf_counter() - start) / len(batch)
        return [
            _Seen(index, sample, [field[i] for field in fields], [], seconds) for i, (index, sample) in enumerate(batch)
        ]

    def _decoded(self, seen: _Seen) -> _Seen:
        start = time.perf_counter()
        annotations = [annotation for decoder in self._decoders for annotation in decoder(seen.fields)]
        seconds = time.perf_counter() - start
        return _Seen(seen.index, seen.sample, seen.fields, annotations, seen.network_seconds, seconds)

    def _finished(self, seen: _Seen) -> Prediction:
        self.times.network += seen.network_seconds
        self.times.decoder += seen.decoder_seconds
        if self._observer is not None:
            self._observer(seen.sample, seen.fields, seen.annotations)
        meta = seen.sample.meta
        return Prediction([annotation.inverse(meta.matrix) for annotation in seen.annotations], meta)


def trained_resample(checkpoint: Checkpoint) -> Any:
    """How images were resampled when the network was trained: ``linear`` unless its metadata says otherwise."""
    return checkpoint.metadata.get('training', {}).get('resample') or 'linear'


def _caught(make: Callable[[A], Sample]) -> Callable[[A], Sample | OSError | ValueError]:
    def caught(item: A) -> Sample | OSError | ValueError:
        try:
            return make(item)
        except (OSError, ValueError) as error:
            return error

    return caught


def _sound(
    read: Iterable[Sample | OSError | ValueError], problems: dict[int, OSError | ValueError]
) -> Iterator[tuple[int, Sample]]:
    """The numbered samples; errors go into ``problems`` under their number."""
    for index, sample in enumerate(read):
        if isinstance(sample, Sample):
            yield index, sample
        else:
            problems[index] = sample


def _report(problem: OSError | ValueError, on_error: ErrorHandler | None) -> None:
    if on_error is None:
        raise problem
    on_error(problem)


def _heads_of(metas: Sequence[HeadMeta], datasets: Sequence[str] | None) -> list[HeadMeta]:
    if datasets is None:
        return list(metas)
    known = sorted({meta.dataset for meta in metas})
    for name in datasets:
        if name not in known:
            raise ValueError(
                f"the checkpoint has no heads for the data set '{name}', but for {', '.join(known)}. "
                f'Give --dataset={known[0]}, or another checkpoint'
            )
    return [meta for meta in metas if meta.dataset in datasets]


def _as_array(image: Any) -> Array:
    """[H, W, 3] uint8 of an array, a tensor or a PIL image."""
    if isinstance(image, torch.Tensor):
        image = image.permute(1, 2, 0).cpu().numpy() if image.ndim == 3 else image.cpu().numpy()
    elif hasattr(image, 'convert'):
        image = np.asarray(image.convert('RGB'))
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f'an image is {_described(image)}. Give uint8 RGB: an array [H, W, 3], a tensor [3, H, W] or a PIL image'
        )
    return np.ascontiguousarray(image)


def _described(image: Any) -> str:
    return f'{image.dtype} {list(image.shape)}' if isinstance(image, np.ndarray) else f'a {type(image).__name__}'


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1

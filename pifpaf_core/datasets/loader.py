"""Batches of training samples through torch's worker processes. Workers keep no state: each request says all."""

import atexit
import logging
import signal
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from ..encoders import EncoderOptions
from ..headmeta import HeadMeta
from ..transforms.sample import Sample
from . import shared_memory
from .module import Array, Batch, DataModule, Source
from .plan import Request, Share, epoch_requests, n_batches, turns

LOG = logging.getLogger(__name__)

_TOLERATED = 0.01  # share of an epoch's images that may be unusable
_ATTEMPTS = 100


class BatchLoader:
    """The `Loader` of one or several sources; see `plan` for what an epoch holds.

    Args:
        sources: one for each data set.
        weights: one for each source: their shares of the batches.
        seed: of the order.
        batch_size: images a batch in this process.
        share: this process's part.
        workers: processes that load, fewer if shared memory is short; 0 loads in this one.
        processes: training processes on this machine, which share its memory.
        pin: return batches in page-locked memory.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        weights: Sequence[float] = (),
        seed: int = 0,
        batch_size: int = 1,
        share: Share | None = None,
        workers: int = 0,
        processes: int = 1,
        pin: bool = False,
    ) -> None:
        self._sources, self._weights = tuple(sources), tuple(weights) or (1.0,) * len(sources)
        self._seed, self._batch_size, self._share = seed, batch_size, share or Share()
        lengths = [n_batches(source, batch_size, self._share) for source in self._sources]
        self._n_batches = len(turns(lengths, self._weights))
        self._requests = _Requests()
        largest = max(warm_up(source) for source in self._sources)
        loaders = 2 * processes  # of training and of validation
        workers = shared_memory.affordable(workers, batch_bytes=batch_size * largest, loaders=loaders)
        self._loader: DataLoader[Batch | Exception] = DataLoader(
            _Batches(self._sources),
            sampler=self._requests,
            batch_size=None,
            num_workers=workers,
            pin_memory=pin,
            persistent_workers=workers > 0,
            worker_init_fn=_start_worker,
            prefetch_factor=shared_memory.PREFETCHED if workers else None,
        )
        self._close = weakref.finalize(self, _shut_down, self._loader)
        self._close.atexit = False
        atexit.register(self._close)  # before multiprocessing waits for processes that do not listen to its SIGTERM

    def __len__(self) -> int:
        return self._n_batches

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of an epoch from ``start`` on; see `Loader`."""
        self._requests.pending = epoch_requests(
            self._sources, self._weights, seed=self._seed, epoch=epoch, batch_size=self._batch_size, share=self._share
        )[start:]
        problems: set[str] = set()
        for batch in self._loader:
            if isinstance(batch, Exception):
                raise batch
            new = [problem for problem in dict.fromkeys(batch.problems) if problem not in problems]
            problems.update(new)
            if len(problems) > _TOLERATED * len(self) * self._batch_size:
                raise ValueError(f'{len(problems)} images of epoch {epoch} cannot be used: {new[-1]}')
            for problem in new:
                LOG.warning('%s. Another image takes its place in this epoch', problem)
            yield batch
        if problems:
            LOG.warning('%d images could not be used in epoch %d', len(problems), epoch)

    def close(self) -> None:
        """End the worker processes."""
        atexit.unregister(self._close)
        self._close()


class _Requests(Sampler[Request]):
    """What the workers are asked for, in order."""

    def __init__(self) -> None:
        self.pending: list[Request] = []

    def __iter__(self) -> Iterator[Request]:
        return iter(self.pending)

    def __len__(self) -> int:
        return len(self.pending)


class _Batches(Dataset['Batch | Exception']):
    """Answers a request with a batch, in a worker or in the main process.

    Bad data comes back as a value: torch would put the worker's stack trace into the message of an exception.
    """

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._sources = sources

    def __getitem__(self, request: Request) -> 'Batch | Exception':
        try:
            return _batch(self._sources[request.source], request)
        except (OSError, ValueError) as error:
            return error


def _batch(source: Source, request: Request) -> Batch:
    problems: list[str] = []
    source.prefetch(request.indices)
    samples = [_usable_sample(source, request.epoch, index, problems) for index in request.indices]
    targets = zip(*(source.targets(sample) for sample in samples), strict=True)
    return Batch(
        images=_stacked([sample.image for sample in samples]).permute(0, 3, 1, 2),
        targets=[None if head[0] is None else _stacked(head) for head in targets],
        metas=[sample.meta for sample in samples],
        dataset=samples[0].meta.dataset,
        problems=tuple(problems),
        truths=[sample.truth for sample in samples],
    )


def _usable_sample(source: Source, epoch: int, index: int, problems: list[str]) -> Sample:
    """The sample, or the next one that can be used; what is wrong with those left out is added to ``problems``."""
    for step in range(min(_ATTEMPTS, len(source))):
        try:
            return source.sample(epoch, (index + step) % len(source))
        except (OSError, ValueError) as error:
            problems.append(str(error))
    raise ValueError(f'{len(problems)} images in a row cannot be used: {problems[-1]}')


def _stacked(arrays: Sequence[Array | None]) -> torch.Tensor:
    """One tensor of arrays of equal shape; in a worker it is made in shared memory, without a further copy."""
    stacked: torch.Tensor = default_collate([torch.from_numpy(array) for array in arrays])
    return stacked


def warm_up(source: Source) -> int:
    """Compile or load the kernels before processes are forked, so that each does not do it again.

    Returns:
        Bytes of a sample with its targets, 0 if the first one cannot be used.
    """
    try:
        sample = source.sample(0, 0)
        targets = source.targets(sample)
    except (OSError, ValueError):
        return 0  # the image will be met, reported and replaced in its epoch
    return sample.image.nbytes + sum(target.nbytes for target in targets if target is not None)


def _start_worker(_worker_id: int) -> None:
    """One thread a worker; signals are for the main process, which ends the workers."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _shut_down(loader: 'DataLoader[Any]') -> None:
    iterator, loader._iterator = loader._iterator, None
    if iterator is not None and hasattr(iterator, '_shutdown_workers'):
        iterator._shutdown_workers()


def train_loader(
    modules: Sequence[DataModule],
    metas: Sequence[HeadMeta],
    *,
    encoder: EncoderOptions,
    share: Share | None = None,
    processes: int = 1,
    pin: bool = False,
) -> BatchLoader:
    """The loader of training data of one or several data modules.

    Args:
        modules: as `selection.from_args` gives them.
        metas: all heads of the network, bound, in order.
        encoder: options of the encoders.
        share: this process's part of each batch.
        processes: training processes on this machine, which share its cores.
        pin: return batches in page-locked memory.
    """
    return _loader([module.train_source(metas, encoder) for module in modules], modules, share, processes, pin)


def val_loader(
    modules: Sequence[DataModule],
    metas: Sequence[HeadMeta],
    *,
    encoder: EncoderOptions,
    share: Share | None = None,
    processes: int = 1,
    pin: bool = False,
) -> BatchLoader:
    """The loader of validation data; arguments as for `train_loader`."""
    return _loader([module.val_source(metas, encoder) for module in modules], modules, share, processes, pin)


def _loader(
    sources: list[Source], modules: Sequence[DataModule], share: Share | None, processes: int, pin: bool
) -> BatchLoader:
    options = modules[0].loader
    workers = options.workers(processes=processes)
    names = ', '.join(f'{source.name} {len(source)} images' for source in sources)
    LOG.info(
        'data: %s; seed %d, batch size %d, %d loader workers (--loader-workers)',
        names,
        options.seed,
        options.batch_size,
        workers,
    )
    return BatchLoader(
        sources,
        weights=options.dataset_weights,
        seed=options.seed,
        batch_size=options.batch_size,
        share=share,
        workers=workers,
        processes=processes,
        pin=pin,
    )

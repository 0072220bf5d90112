"""Work that overlaps and keeps its order: threads that run ahead, and batches of images of equal size."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from .transforms.sample import Sample

A = TypeVar('A')
B = TypeVar('B')

WINDOW = 4
"""Batches' worth of images that may come while one waits until others of its size complete a batch."""


def ahead(function: Callable[[A], B], items: Iterable[A], *, threads: int, depth: int) -> Iterator[B]:
    """Yield ``function(item)`` for each of ``items`` in order, while threads work on the next ones.

    Args:
        function: runs in the threads.
        items: are asked for in the caller's thread.
        threads: how many; 0 runs ``function`` in the caller's thread.
        depth: results that may be under way or waiting.
    """
    if threads == 0:
        yield from map(function, items)
        return
    waiting: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def batched_by_size(
    samples: Iterable[tuple[int, Sample]], batch_size: int, *, window: int = WINDOW
) -> Iterator[list[tuple[int, Sample]]]:
    """Batches of numbered samples of equal image size.

    A batch is as large as ``batch_size`` unless the samples end, or one of its samples has waited while ``window``
    batches' worth came: then it goes as it is. So no sample waits for long, however rare its size, and those behind it,
    which are to come out in order, do not pile up.
    """
    waiting: dict[tuple[int, ...], list[tuple[int, Sample]]] = {}
    for index, sample in samples:
        size = sample.image.shape
        waiting.setdefault(size, []).append((index, sample))
        if len(waiting[size]) == batch_size:
            yield waiting.pop(size)
        oldest = next(iter(waiting), size)
        if waiting and index - waiting[oldest][0][0] >= window * batch_size - 1:
            yield waiting.pop(oldest)
    yield from waiting.values()

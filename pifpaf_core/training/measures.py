"""What is measured while training: losses over all processes, images a second, waiting for data, memory."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from .distributed import World

T = TypeVar('T')


class LossMeter:
    """Mean of the total loss and of its components. Components without data in a batch do not count for it.

    Args:
        n_components: of the loss.
        device: where the losses are; sums stay there, so that adding never waits for the device.
    """

    def __init__(self, n_components: int, device: torch.device) -> None:
        dtype = torch.float32 if device.type == 'mps' else torch.float64  # which Apple's GPUs lack
        self._sums = torch.zeros(1 + n_components, dtype=dtype, device=device)
        self._counts = torch.zeros(1 + n_components, dtype=torch.float64)

    def add(self, total: Tensor, components: Sequence[Tensor | None]) -> None:
        """Take the losses of one batch."""
        values = [total, *components]
        zero = torch.zeros_like(total)
        self._sums += torch.stack([zero if v is None else v.detach() for v in values]).to(self._sums.dtype)
        self._counts += torch.tensor([v is not None for v in values])

    def means(self, world: World) -> tuple[float | None, list[float | None]]:
        """(total, components), each the mean over all batches of all processes, or None without any."""
        sums, counts = self.state(world).sum(0)
        means = [round(s / n, 5) if n else None for s, n in zip(sums.tolist(), counts.tolist(), strict=True)]
        return means[0], means[1:]

    def state(self, world: World) -> Tensor:
        """Sums and counts of each process, [size, 2, 1 + n_components]."""
        return world.gather(torch.stack([self._sums.cpu().double(), self._counts]))

    def restore(self, state: Tensor, world: World) -> None:
        """Take over a state; if the number of processes has changed, the first one takes it all."""
        if len(state) == world.size:
            mine = state[world.rank]
        else:
            mine = state.sum(0) if world.is_main else torch.zeros_like(state[0])
        self._sums.copy_(mine[0])
        self._counts.copy_(mine[1])


class Throughput:
    """Time and images since the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self._start = time.perf_counter()
        self._waited = 0.0
        self._images = 0
        self._batches = 0

    def count(self, images: int, waited: float) -> None:
        """A batch of ``images`` is done that was waited for ``waited`` seconds."""
        self._images += images
        self._waited += waited
        self._batches += 1

    @property
    def seconds(self) -> float:
        """Seconds since the last reset."""
        return time.perf_counter() - self._start

    def per_batch(self) -> dict[str, float]:
        """Mean seconds of a batch and of waiting for one."""
        batches = max(1, self._batches)
        waited = self._waited / batches
        return {'time': round(self.seconds / batches - waited, 3), 'data_time': round(waited, 3)}

    def rates(self) -> dict[str, float]:
        """Images a second and the share of time spent waiting for data."""
        seconds = max(self.seconds, 1e-9)
        return {
            'images_per_second': round(self._images / seconds, 3),
            'data_wait': round(self._waited / seconds, 4),
        }


class GpuMemory:
    """The most memory that this process had reserved on its GPU; says nothing of other devices.

    Args:
        device: of this process.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device if device.type == 'cuda' else None

    def reset(self) -> None:
        """Start anew."""
        if self._device is not None:
            torch.cuda.reset_peak_memory_stats(self._device)

    def peak(self) -> dict[str, float]:
        """``gpu_memory`` in GiB since the last reset, if there is a GPU."""
        if self._device is None:
            return {}
        return {'gpu_memory': round(torch.cuda.max_memory_reserved(self._device) / 2**30, 3)}


def timed(items: Iterable[T]) -> Iterator[tuple[T, float]]:
    """Each item with the seconds that it was waited for."""
    iterator = iter(items)
    while True:
        start = time.perf_counter()
        try:
            item = next(iterator)
        except StopIteration:
            return
        yield item, time.perf_counter() - start

"""How things are timed, and what one figure says."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Figure:
    """What one part costs.

    Attributes:
        name: of the part.
        value: median.
        best: of all repetitions; what other programs on the machine disturbed least.
        unit: of all figures, ``ms``, ``samples/s`` or ``ratio``.
        openpifpaf: the figure of OpenPifPaf 0.13 where it was written down; None if there is none.
        remark: what a reader should know.
    """

    name: str
    value: float
    best: float
    unit: str = 'ms'
    openpifpaf: float | None = None
    remark: str = ''

    def times_better(self, slower: float) -> float | None:
        """How many times less time, or more throughput, than OpenPifPaf on a machine ``slower`` times as slow."""
        if self.openpifpaf is None or self.unit == 'ratio':
            return None
        if self.unit == 'ms':
            return self.openpifpaf * slower / self.value
        return self.value * slower / self.openpifpaf

    def to_json(self, slower: float) -> dict[str, Any]:
        """Plain data."""
        values = asdict(self).items()
        data = {key: float(f'{value:.4g}') if isinstance(value, float) else value for key, value in values}
        plain, corrected = self.times_better(1.0), self.times_better(slower)
        if plain is None or corrected is None:
            return data
        return {**data, 'times_better': float(f'{plain:.3g}'), 'times_better_corrected': float(f'{corrected:.3g}')}


def timed(name: str, part: Callable[[], object], repetitions: int, *, openpifpaf: float | None = None) -> Figure:
    """Milliseconds of ``part``, the first call (which may compile) left out."""
    part()
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        part()
        times.append((time.perf_counter() - began) * 1e3)
    return Figure(name, statistics.median(times), min(times), openpifpaf=openpifpaf)


def bandwidth(repetitions: int) -> float:
    """Bytes a second that one thread adds up from memory that no cache holds."""
    numbers = np.ones(16_000_000, np.float32)
    return numbers.nbytes / (timed('', numbers.sum, repetitions).best * 1e-3)

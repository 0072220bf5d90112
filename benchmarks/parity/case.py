"""One comparison with a recorded number, and how it went."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
UNREADABLE = (OSError, EOFError, ValueError, LookupError, zipfile.BadZipFile)
"""What files and arrays that are not as described raise."""


@dataclass(frozen=True)
class Case:
    """What became of one comparison.

    Attributes:
        name: file and keys, e.g. ``encoder_targets/n5/s8/cif``; unique.
        difference: largest difference; None if there is none, because something is absent or of another shape.
        tolerance: what the difference may be.
        holds: whether all agrees. An absent case holds.
        note: what a reader should know besides.
    """

    name: str
    difference: float | None
    tolerance: float
    holds: bool
    note: str = ''

    @classmethod
    def absent(cls, name: str, note: str = 'absent') -> 'Case':
        """A file or case that is not in the folder. That is no failure."""
        return cls(name, None, 0.0, True, note)

    @classmethod
    def failed(cls, name: str, note: str) -> 'Case':
        """A case that cannot be compared although it is there."""
        return cls(name, None, 0.0, False, note)

    @classmethod
    def compared(
        cls,
        name: str,
        ours: Array,
        recorded: Array,
        *,
        tolerance: float,
        relative_to_largest: bool = False,
        excluded: Array | None = None,
    ) -> 'Case':
        """Compare two arrays of any shape; NaNs must be at the same places.

        Args:
            name: of the case.
            ours: [...] what this library computes.
            recorded: [...] what was recorded.
            tolerance: largest difference that holds. Values above 1 are compared relatively.
            relative_to_largest: divide by the largest recorded value instead, for values that are sums.
            excluded: [...] bool, what not to compare.
        """
        if ours.shape != recorded.shape:
            return cls.failed(name, f'shape {list(ours.shape)}, recorded {list(recorded.shape)}')
        a, b = ours.astype(np.float64), recorded.astype(np.float64)
        if excluded is not None:
            a, b = np.where(excluded, 0.0, a), np.where(excluded, 0.0, b)
        misplaced = int(np.sum(np.isnan(a) != np.isnan(b)))
        both = ~np.isnan(a) & ~np.isnan(b)
        size = np.abs(b[both])
        unit = np.max(size, initial=1e-30) if relative_to_largest else np.maximum(1.0, size)
        difference = float(np.max(np.abs(a[both] - b[both]) / unit, initial=0.0))
        notes = [f'{misplaced} NaN at other places'] if misplaced else []
        notes += [f'{int(excluded.sum())} values left out'] if excluded is not None and excluded.any() else []
        return cls(name, difference, tolerance, difference <= tolerance and not misplaced, '; '.join(notes))

    @classmethod
    def attempted(cls, name: str, compare: Callable[[], 'Case']) -> 'Case':
        """The case that ``compare`` makes, or a failed one if its arrays are not as described."""
        try:
            return compare()
        except UNREADABLE as error:
            return cls.failed(name, f'{type(error).__name__}: {error}')

    @property
    def is_absent(self) -> bool:
        """Whether there was nothing to compare."""
        return self.difference is None and self.holds

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the name."""
        if self.is_absent:
            return {'absent': True, 'note': self.note}
        difference = None if self.difference is None else float(self.difference)
        data = {'difference': difference, 'tolerance': self.tolerance, 'holds': bool(self.holds)}
        return {**data, 'note': self.note} if self.note else data

"""A pool of working memory, so that one decoder serves several threads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

M = TypeVar('M')


class Pool(Generic[M]):
    """Lends memory to one caller at a time and keeps what comes back for the next one. Nothing in it counts by then.

    Args:
        make: memory for at least this many rows and columns of cells.
    """

    def __init__(self, make: Callable[[int, int], M]) -> None:
        self._make = make
        self._free: list[tuple[int, int, M]] = []  # append and pop of a list are atomic

    @contextmanager
    def lend(self, rows: int, columns: int) -> Iterator[M]:
        """Memory for fields of at least this size. It grows with the largest image that is seen."""
        try:
            has_rows, has_columns, memory = self._free.pop()
        except IndexError:
            has_rows, has_columns = 0, 0
        if has_rows < rows or has_columns < columns:
            has_rows, has_columns = max(rows, has_rows), max(columns, has_columns)
            memory = self._make(has_rows, has_columns)
        try:
            yield memory
        finally:
            self._free.append((has_rows, has_columns, memory))

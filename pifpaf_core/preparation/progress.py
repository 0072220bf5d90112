"""A progress bar on the terminal, or a line now and then in a log file."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')

LOG = logging.getLogger(__name__)
_WIDTH = 30


class Progress:
    """Counts up to a total and shows it: as a bar if stderr is a terminal, else as a line every ``interval`` seconds.

    Nothing is shown with ``--quiet``. tqdm is no dependency of the torch-free images, hence this.
    """

    def __init__(
        self, label: str, *, total: int | None, unit: str = '', start: int = 0, interval: float = 15.0
    ) -> None:
        self.label, self.total, self.unit, self.count = label, total, unit, start
        self._first, self._began = start, time.monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._interval = 0.2 if self._is_terminal else interval
        self._shown = self._began

    def __enter__(self) -> 'Progress':
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal and LOG.isEnabledFor(logging.INFO):
            sys.stderr.write(f'\r{self.line()}\x1b[K\n')

    def add(self, n: int = 1) -> None:
        """Count ``n`` more, and show it if it is time to."""
        self.count += n
        now = time.monotonic()
        if now - self._shown < self._interval or not LOG.isEnabledFor(logging.INFO):
            return
        self._shown = now
        if self._is_terminal:
            sys.stderr.write(f'\r{self.line()}\x1b[K')
            sys.stderr.flush()
        else:
            LOG.info('%s', self.line())

    def line(self) -> str:
        """The state in one line, with rate and the time that is left."""
        seconds = max(time.monotonic() - self._began, 1e-6)
        rate = (self.count - self._first) / seconds
        if not self.total:
            return f'{self.label}: {self.amount(self.count)}, {self.amount(rate)}/s'
        share = min(self.count / self.total, 1.0)
        bar = ('#' * int(share * _WIDTH)).ljust(_WIDTH, '.')
        left = f', {(self.total - self.count) / rate:.0f} s left' if rate > 0 and self.count < self.total else ''
        counts = f'{self.amount(self.count)} of {self.amount(self.total)}'
        return f'{self.label} [{bar}] {share:4.0%} {counts}, {self.amount(rate)}/s{left}'

    def amount(self, count: float) -> str:
        """A number with its unit; bytes in MB."""
        return f'{count / 1e6:.1f} MB' if self.unit == 'B' else f'{count:.0f}{self.unit and " " + self.unit}'


def shown(items: Iterable[T], label: str, *, total: int) -> Iterator[T]:
    """The items, counted by a `Progress` as they pass."""
    with Progress(label, total=total) as progress:
        for item in items:
            yield item
            progress.add()

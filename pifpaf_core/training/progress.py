"""A progress bar over the whole training, and the profile of its first batches."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from .logs import RECORDED

LOG = logging.getLogger(__name__)

PROFILED_BATCHES = 10


class ProgressBar:
    """A bar on stderr. Without a terminal there is none, and `status` prints lines instead.

    Args:
        total: batches of the whole training.
        done: of them before this process started.
        force: show the bar without a terminal.
        silent: show nothing.
    """

    def __init__(self, *, total: int, done: int, force: bool = False, silent: bool = False) -> None:
        self.visible = not silent and (force or sys.stderr.isatty())
        self._bar = tqdm(total=total, initial=done, disable=not self.visible, unit='batch', dynamic_ncols=True)

    def __enter__(self) -> 'ProgressBar':
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(contextlib.closing(self._bar))
        if self.visible:
            self._stack.enter_context(logging_redirect_tqdm())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def advance(self) -> None:
        """One batch is done."""
        self._bar.update()

    def status(self, place: str, text: str) -> None:
        """Show where the training is and how it goes: beside the bar, or as a line without one."""
        self._bar.set_description_str(place, refresh=False)
        self._bar.set_postfix_str(text, refresh=False)
        if not self.visible:
            LOG.info('%s: %s', place, text, extra=RECORDED)


@contextlib.contextmanager
def profiled(path: str | None) -> Iterator['Profile']:
    """Profile the first batches and write a Chrome trace to ``path``; None profiles nothing."""
    profile = Profile(path)
    try:
        yield profile
    finally:
        profile.finish()


class Profile:
    """Counts batches and writes the trace after `PROFILED_BATCHES` of them."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._batches = 0
        self._profiler = torch.profiler.profile() if path else None
        if self._profiler is not None:
            self._profiler.start()

    def step(self) -> None:
        """One batch is done."""
        self._batches += 1
        if self._batches == PROFILED_BATCHES:
            self.finish()

    def finish(self) -> None:
        """Write the trace, once."""
        if self._profiler is None or self._path is None:
            return
        profiler, self._profiler = self._profiler, None
        profiler.stop()
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(self._path)
        LOG.info('profile of %d batches written: %s', self._batches, self._path)

"""The state that a killed training continues from: two generations of one file, each with its sha256.

``NAME.state.pt`` holds plain data and tensors only and is read with ``weights_only=True``. A generation counts if its
digest is written in one of the two ``.sha256`` files; so no moment of a kill leaves less than was there before.
"""

import glob
import hashlib
import io
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..command import UsageError
from ..files import atomic_path, sha256, write_atomically
from ..options import names, option
from ..visualize.options import DebugOptions, ShowOptions

LOG = logging.getLogger(__name__)

FORMAT = 1
SHOWN = 8  # different options that an error lists

#: options that say how and where to run, not what is trained
FREE = frozenset(
    (
        *('output', 'resume', 'resume-override', 'state-interval', 'log-interval', 'progress', 'profile', 'quiet'),
        *('debug', 'loader-workers', 'ddp', 'local-rank', 'no-download-progress'),
        *('skip-nonfinite', 'replay', 'keep-checkpoints', 'data-cache', 'data-cache-size'),
        *('disable-cuda', 'mps'),
        *names(DebugOptions),
        *names(ShowOptions),
    )
)
#: options that what is recorded cannot follow
FIXED = frozenset(('adam', 'amsgrad', 'basenet', 'dataset', 'checkpoint'))


@dataclass(frozen=True)
class StateOptions:
    """Resuming."""

    resume: bool = option(False, 'demand that --output names a training with a saved state')
    resume_override: tuple[str, ...] = option(
        (), 'names of options that may differ from those recorded in the state', metavar='OPTION'
    )
    state_interval: float = option(10.0, 'minutes between saved states; 0 saves at ends of epochs only')

    def __post_init__(self) -> None:
        if self.state_interval < 0.0:
            raise ValueError(f'--state-interval={self.state_interval} is negative. Give minutes, or 0')
        for name in self.overridden & FIXED:
            raise ValueError(f"'{name}' cannot change within a training. Start a new one with another --output")

    @property
    def overridden(self) -> frozenset[str]:
        """Names of the options that may differ, without dashes in front."""
        return frozenset(name.lstrip('-').replace('_', '-') for name in self.resume_override)


@dataclass(frozen=True)
class StateFiles:
    """The state of one training on disk.

    Attributes:
        output: name of the training, with folder: ``outputs/NAME``.
    """

    output: Path
    _sound: dict[Path, tuple[int, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Files whose content is known to have its digest, as they were on disk then: they are not read again."""

    @property
    def current(self) -> Path:
        """The newest generation."""
        return _with_suffix(self.output, '.state.pt')

    @property
    def previous(self) -> Path:
        """The generation before."""
        return _with_suffix(self.output, '.state.prev.pt')

    def exist(self) -> bool:
        """Whether any generation is there, whole or not."""
        return self.current.exists() or self.previous.exists()

    def remove_debris(self) -> None:
        """Remove what a killed process left half-written under these names."""
        for path in self.output.parent.glob(f'.{glob.escape(self.output.name)}.*.part'):
            path.unlink(missing_ok=True)

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a new generation; the current one becomes the previous one.

        Raises:
            OSError: cannot write; what was there before is still valid.
        """
        buffer = io.BytesIO()
        torch.save({'format': FORMAT, **state}, buffer)
        content = buffer.getbuffer()
        with atomic_path(self.current) as temporary:
            temporary.write_bytes(content)
            self._keep_current()
            _write_digest(self.current, hashlib.sha256(content).hexdigest())
        self._sound[self.current] = _identity(self.current)

    def load(self) -> dict[str, Any]:
        """The newest generation that is whole; the log says so if that is not the current one.

        Raises:
            ValueError: no generation can be used.
        """
        known = {_digest(self.current), _digest(self.previous)}
        problems = []
        for path in (self.current, self.previous):
            try:
                state = _read(path, known)
            except ValueError as error:
                problems.append(str(error))
                continue
            self._sound[path] = _identity(path)
            if problems:
                LOG.warning('%s. Using the previous state %s', '; '.join(problems), path)
                _digest_path(self.current).unlink(missing_ok=True)  # so that it never becomes the previous one
            return state
        raise ValueError(
            f'{"; ".join(problems)}. Copy a whole state with its .sha256 there, or delete both to start anew'
        )

    def _keep_current(self) -> None:
        """Make the current generation the previous one too, without a moment at which it is neither."""
        digest = _digest(self.current)
        if digest is None or not self.current.exists() or not self._is_sound(digest):
            return  # nothing that is worth more than the previous generation
        with atomic_path(self.previous) as temporary:
            temporary.unlink()
            try:
                os.link(self.current, temporary)
            except OSError:
                shutil.copyfile(self.current, temporary)
        _write_digest(self.previous, digest)

    def _is_sound(self, digest: str) -> bool:
        """Whether the current generation has this digest; read only if it is not the file that this process knows."""
        return self._sound.get(self.current) == _identity(self.current) or sha256(self.current) == digest


def check_options(
    given: Mapping[str, Any], recorded: Mapping[str, Any], *, defaults: Mapping[str, Any], override: frozenset[str]
) -> None:
    """Compare the options of a resumed training with those that it was started with.

    An option that did not exist when the state was written, e.g. of a plugin that is new, had its default; one that
    does not exist any more is not looked at.

    Raises:
        UsageError: they differ in an option that ``override`` does not list.
    """
    before = {**defaults, **recorded}
    different = [name for name in sorted(set(given) - FREE) if given[name] != before.get(name)]
    refused = [name for name in different if name not in override]
    if refused:
        shown = [f'--{name} was {before.get(name)!r} and is {given[name]!r}' for name in refused[:SHOWN]]
        more = f' and {len(refused) - SHOWN} more' if len(refused) > SHOWN else ''
        advice = (
            f'add --resume-override {" ".join(refused[:SHOWN])}' if not FIXED & set(refused) else 'another --output'
        )
        raise UsageError(
            f'the saved state was trained with other options: {", ".join(shown)}{more}. '
            f'Give the recorded ones, or {advice}{more and " ..."}'
        )
    for name in different:
        LOG.info('--%s changes from %r to %r', name, before.get(name), given[name])


def _read(path: Path, known: set[str | None]) -> dict[str, Any]:
    if not path.exists():
        raise ValueError(f'{path} is missing')
    if sha256(path) not in known:
        raise ValueError(f'{path} is damaged or incomplete: its sha256 is not the recorded one')
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of a damaged file torch's reader raises what its parts raise
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(f'{path} is no saved state: {type(error).__name__} {reason}') from error
    if not isinstance(state, dict) or state.get('format') != FORMAT:
        raise ValueError(f'{path} is no saved state of format {FORMAT}')
    return state


def _identity(path: Path) -> tuple[int, ...]:
    """What changes when a file is written or replaced."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _write_digest(path: Path, digest: str) -> None:
    """As sha256sum writes it, so that ``sha256sum --check`` reads it."""
    write_atomically(_digest_path(path), f'{digest}  {path.name}\n')


def _digest(path: Path) -> str | None:
    try:
        return _digest_path(path).read_text().split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _digest_path(path: Path) -> Path:
    return _with_suffix(path, '.sha256')


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)

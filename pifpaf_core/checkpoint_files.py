"""Names of checkpoint files: what users call them, patterns, and watching for new ones. CONTRACTS section 1."""

import glob
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SUFFIX = '.safetensors'

_PKL = re.compile(r'\.pkl(?=\.|$)')
_EPOCH = re.compile(r'\.epoch(\d+)(?:\.safetensors)?$')
_OPENPIFPAF = re.compile(r'\.pkl(\.epoch\d+)?$')


def without_pkl(name: str) -> str:
    """The name without OpenPifPaf's ``.pkl``: ``a.pkl.epoch005`` means ``a.epoch005``."""
    return _PKL.sub('', name)


def is_pattern(name: str) -> bool:
    """Whether the name holds wildcards."""
    return glob.has_magic(name)


def epoch_of(path: str | Path) -> int | None:
    """The epoch in a checkpoint's name, or None."""
    match = _EPOCH.search(str(path))
    return int(match[1]) if match else None


def resolved(name: str) -> str:
    """The file that a name without wildcards means; the name itself where there is none.

    ``a``, ``a.pkl`` and ``a.safetensors`` all mean ``a.safetensors``, unless a file is called just as given.
    """
    plain = without_pkl(name)
    candidates = [name, plain, plain + SUFFIX]
    return next((candidate for candidate in candidates if Path(candidate).is_file()), name)


def matching(pattern: str) -> list[Path]:
    """The checkpoints that a pattern matches, by name of the training, then by epoch; ours and OpenPifPaf's."""
    plain = without_pkl(pattern)
    ours = _glob(plain if plain.endswith(SUFFIX) else plain + SUFFIX)
    theirs = [path for path in _glob(pattern) if _OPENPIFPAF.search(path.name)]
    return sorted({*ours, *theirs}, key=lambda path: (_training(path), _number(path)))


def find(names: Sequence[str]) -> list[str]:
    """The checkpoints that names and patterns mean, each once, in order.

    A name without wildcards that is no file stays as it is: it may be that of a published checkpoint.

    Raises:
        ValueError: a pattern matches nothing.
    """
    found: list[str] = []
    for name in names:
        paths = [str(path) for path in matching(name)] if is_pattern(name) else [resolved(name)]
        if not paths:
            raise ValueError(
                f"no checkpoint matches '{name}'. Correct the pattern, or wait for checkpoints with --watch"
            )
        found += paths
    return list(dict.fromkeys(found))


def watch(
    names: Sequence[str], *, seconds: float, until: int | None = None, sleep: Callable[[float], None] | None = None
) -> Iterator[str]:
    """Yield checkpoints as they appear, each once; those that are there first.

    Args:
        names: names and patterns, as in `find`.
        seconds: between looks.
        until: end when every training seen has written a checkpoint of this epoch or a later one, and everything that
            matches was yielded. The pattern need not match that epoch. None: never end.
        sleep: waits so many seconds.
    """
    known: dict[str, None] = {}
    while True:
        new = [path for path in _present(names) if path not in known]
        known.update(dict.fromkeys(new))
        yield from new
        if new:
            continue
        if until is not None and known and all(_latest_epoch(path) >= until for path in known):
            return
        (sleep or time.sleep)(seconds)


def _present(names: Sequence[str]) -> list[str]:
    """Existing files, in order."""
    present: list[str] = []
    for name in names:
        paths = [str(path) for path in matching(name)] if is_pattern(name) else [resolved(name)]
        present += [path for path in paths if Path(path).is_file()]
    return list(dict.fromkeys(present))


def _training(path: Path) -> str:
    """Path of a checkpoint without epoch and suffix: the same for all of one training."""
    return _EPOCH.sub('', without_pkl(str(path)).removesuffix(SUFFIX))


def _latest_epoch(path: str) -> int:
    """The last epoch of which the training of ``path`` wrote a checkpoint; no end of it where the name has no epoch."""
    if epoch_of(path) is None:
        return sys.maxsize
    training = glob.escape(_training(Path(path)))
    return max(map(_number, [*_glob(f'{training}.epoch*'), *_glob(f'{training}.pkl.epoch*')]), default=-1)


def _number(path: Path) -> int:
    epoch = epoch_of(path)
    return -1 if epoch is None else epoch


def _glob(pattern: str) -> list[Path]:
    return [Path(path) for path in glob.glob(pattern, recursive=True)]  # noqa: PTH207  (patterns may be absolute)

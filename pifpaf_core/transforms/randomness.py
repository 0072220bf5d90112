"""Random numbers as functions of (seed, epoch, data set, index), never of a worker's history. CONTRACTS section 5."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

_SAMPLES, _ORDER = 0, 1
_WORD = 2**64


def sample_generator(seed: int, epoch: int, dataset: str, index: int) -> np.random.Generator:
    """The generator of one sample of one epoch: the same in every process, whatever was drawn before.

    Args:
        seed: of the training.
        epoch: number of the epoch.
        dataset: name of the data module, and of the split, so that train and val differ.
        index: of the sample in the data set.
    """
    return _generator(seed, epoch, dataset, index, _SAMPLES)


def epoch_order(n: int, *, seed: int, epoch: int, dataset: str, shuffle: bool) -> npt.NDArray[Any]:
    """The order of an epoch: [n] int64 indices, a function of seed, epoch, data set; ``arange(n)`` without shuffle."""
    if not shuffle:
        return np.arange(n)
    return _generator(seed, epoch, dataset, 0, _ORDER).permutation(n)


def _generator(seed: int, epoch: int, dataset: str, index: int, stream: int) -> np.random.Generator:
    """Philox counts in the low word, so that each (index, epoch, stream) has 2^64 blocks of its own."""
    name = int.from_bytes(hashlib.sha256(dataset.encode()).digest()[:8], 'little')
    key = np.array([seed % _WORD, name], np.uint64)
    counter = np.array([0, index, epoch, stream], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def random_grey(rng: np.random.Generator) -> tuple[int, int, int]:
    """The colour of the padding of a training image (FIELDS section 9, step 7)."""
    grey = int(rng.integers(255))
    return grey, grey, grey

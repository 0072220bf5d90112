"""How many loader workers fit into shared memory, through which they hand over their batches.

A container has 64 MB of it unless told otherwise, and a process that writes beyond it is killed by a bus error.
"""

import logging
import os
from pathlib import Path

LOG = logging.getLogger(__name__)

PLACE = Path('/dev/shm')
PREFETCHED = 2  # batches a worker
HELD = 2  # batches in use besides: by the training, and on the way to it
_SHARE = 0.9  # of what is free


def affordable(workers: int, *, batch_bytes: int, loaders: int) -> int:
    """How many of ``workers`` can be started; warns if these are not all.

    Args:
        workers: that are wanted.
        batch_bytes: size of a batch.
        loaders: that share the memory, in all processes of this machine.
    """
    free = _free()
    if not workers or free is None:
        return workers
    fitting = int(_SHARE * free / loaders / max(1, batch_bytes) - HELD) // PREFETCHED
    if fitting >= workers:
        return workers
    fitting = max(0, fitting)
    LOG.warning(
        'shared memory (%s) has %.0f MB free, too few for %d loader workers with batches of %.0f MB: %s. Give it more, '
        'e.g. docker run --shm-size=8g or a memory volume, or lower --loader-workers', PLACE, free / 1e6, workers,
        batch_bytes / 1e6, f'{fitting} are started' if fitting else 'none is started, and data loads between the steps',
    )  # fmt: skip
    return fitting


def _free() -> int | None:
    """Free bytes, or None where there is no such place to look at."""
    try:
        status = os.statvfs(PLACE)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize

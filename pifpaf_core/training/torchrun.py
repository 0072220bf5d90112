"""torchrun that tells how its workers ended: ``python -m pifpaf_core.training.torchrun --nproc-per-node=2 -m module``.

torchrun itself ends with 1 whatever its workers say, and gives them 30 seconds after a SIGTERM before it kills them.
Here the exit code is that of the workers, and SIGTERM goes to the workers alone, which take the time they need to save.
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .lifeline import LAUNCHER

PREEMPTED = 75


def main(argv: Sequence[str]) -> int:
    """Run torchrun with its usual arguments; returns the exit code of the workers."""
    _share_processors(argv)
    os.environ[LAUNCHER] = str(os.getpid())
    signal.signal(signal.SIGTERM, lambda *_: _pass_on(signal.SIGTERM))
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.getLogger('torch.distributed.elastic').setLevel(logging.CRITICAL)  # the worker has said what is wrong
    try:
        run.main(['--signals-to-handle=SIGINT', *argv])
    except ChildFailedError as error:
        return _exit_code([failure.exitcode for failure in error.failures.values()])
    return 0


def _share_processors(argv: Sequence[str]) -> None:
    """Give each of several workers its share of the processors; torchrun would give it one, and warn."""
    workers = next((int(a.partition('=')[2]) for a in argv if a.startswith('--nproc-per-node=')), 1)
    if workers > 1:
        os.environ.setdefault('OMP_NUM_THREADS', str(max(1, (os.cpu_count() or 1) // workers)))


def _exit_code(codes: Sequence[int]) -> int:
    """One code for several workers. One that saved its state and left is why the others failed."""
    if PREEMPTED in codes:
        return PREEMPTED
    code = codes[0]
    return code if code > 0 else 128 - code


def _pass_on(number: int) -> None:
    workers = _children()
    if not workers:
        sys.exit(PREEMPTED)  # they have not begun, so there is nothing to save
    for pid in workers:
        os.kill(pid, number)


def _children() -> list[int]:
    """Processes that this one started."""
    found = []
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rpartition(')')[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == os.getpid():
            found.append(int(stat.parent.name))
    return found


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

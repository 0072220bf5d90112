"""A command that was started once, on all GPUs of the machine: it becomes one process for each."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import torch

from .distributed import DistributedOptions

LOG = logging.getLogger(__name__)


def processes(options: DistributedOptions, environment: Mapping[str, str], *, batch_size: int) -> int:
    """How many processes the command shall become: one for each visible GPU that can have its part of a batch.

    1 if a launcher has started it, if it was told to be one of several (``--ddp``), and without GPUs.
    """
    launched = options.ddp or 'RANK' in environment
    if launched or options.disable_cuda or options.mps or not torch.cuda.is_available():
        return 1
    gpus = torch.cuda.device_count()
    used = next(n for n in range(max(1, gpus), 0, -1) if batch_size % n == 0)
    if used < gpus:
        LOG.warning(
            '%d of %d GPUs are used: --batch-size=%d cannot be split over more. Give a multiple of %d',
            used, gpus, batch_size, gpus,
        )  # fmt: skip
    return used


def restart(n: int, module: str, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by ``n`` that run ``module`` with ``arguments``; they end together, with one exit code."""
    launcher = ['-m', 'pifpaf_core.training.torchrun', '--standalone', f'--nproc-per-node={n}']
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *launcher, '-m', module, *arguments])

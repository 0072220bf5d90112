"""Training on several processes: who takes part, and the few things that they tell each other."""

import contextlib
import datetime
import inspect
import logging
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from ..command import UsageError
from ..options import option
from .lifeline import end_with_parent
from .sync_batch_norm import has_own_statistics, synchronize

LOG = logging.getLogger(__name__)

_LOST = re.compile(r'Connection (closed|reset|refused)|Broken pipe|remote process exited|timed out', re.IGNORECASE)
"""What torch says when another process does not answer any more."""
TIMEOUT = datetime.timedelta(minutes=30)
_DDP_ARGUMENTS = inspect.signature(nn.parallel.DistributedDataParallel).parameters
_SYNC_BUFFERS = 'forward_sync_buffers' if 'forward_sync_buffers' in _DDP_ARGUMENTS else 'broadcast_buffers'


@dataclass(frozen=True)
class DistributedOptions:
    """Devices and processes."""

    disable_cuda: bool = option(False, 'train on the CPU even if there is a GPU')
    mps: bool = option(False, "train on Apple's GPU; untested")
    ddp: bool = option(False, 'take part in a training on several processes (torchrun, SLURM)')
    local_rank: int | None = option(
        None, 'number of this process on its machine, as given by torch.distributed.launch',
        flag='--local_rank --local-rank',
    )  # fmt: skip
    sync_batchnorm: bool = option(True, 'normalize each process on its own')


@dataclass(frozen=True)
class World:
    """The processes of a training, as one of them sees it.

    Attributes:
        rank: number of this process; 0 is the one that writes.
        size: number of processes.
        device: of this process.
        control: process group for decisions; on the CPU, so that they never wait for a GPU.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device('cpu'))
    control: Any = None

    @property
    def local_size(self) -> int:
        """Number of processes on this machine, as far as the launcher tells."""
        return int(os.environ.get('LOCAL_WORLD_SIZE', '1')) if self.size > 1 else 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def synchronize(self, network: nn.Module) -> None:
        """Let the BatchNorm layers of ``network`` see the batches of all processes."""
        if self.size > 1:
            synchronize(network, self.device)

    def parallel(self, module: nn.Module, *, unused_parameters: bool) -> nn.Module:
        """Wrap ``module`` so that its gradients are the mean over the processes.

        Args:
            module: what computes the loss.
            unused_parameters: a batch may leave parameters without gradient, e.g. with several data sets.
        """
        if self.size == 1:
            return module
        arguments: dict[str, Any] = {_SYNC_BUFFERS: has_own_statistics(module)}
        return nn.parallel.DistributedDataParallel(
            module,
            device_ids=[self.device.index] if self.device.type == 'cuda' else None,
            find_unused_parameters=unused_parameters,
            **arguments,
        )

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag whether it is set in any process."""
        if self.size == 1:
            return flags
        votes = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(votes, dist.ReduceOp.MAX, group=self.control)
        return tuple(map(bool, votes.tolist()))

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """``values`` [...] of all processes, stacked [size, ...] on the CPU."""
        values = values.cpu()
        if self.size == 1:
            return values[None]
        gathered = [torch.empty_like(values) for _ in range(self.size)]
        dist.all_gather(gathered, values, group=self.control)
        return torch.stack(gathered)

    def broadcast(self, value: Any) -> Any:
        """The object that process 0 gave."""
        if self.size == 1:
            return value
        objects = [value]
        dist.broadcast_object_list(objects, src=0, group=self.control)
        return objects[0]

    def copy_from_main(self, tensors: Iterable[torch.Tensor]) -> None:
        """Overwrite ``tensors`` by those of process 0."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def average(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replace ``tensors`` by their mean over the processes."""
        if self.size > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)
                tensor /= self.size


@contextlib.contextmanager
def connect(options: DistributedOptions) -> Iterator[World]:
    """Join the processes that a launcher has started, or be the only one.

    Raises:
        UsageError: launched as one of several without ``--ddp``, or ``--ddp`` without a launcher.
    """
    environment = _environment(os.environ, options)
    device = _device(options, environment)
    if 'TORCHELASTIC_RUN_ID' in os.environ:
        end_with_parent()
    if environment is None:
        yield World(device=device)
        return
    os.environ.update(environment)
    dist.init_process_group('nccl' if device.type == 'cuda' else 'gloo', timeout=TIMEOUT)
    world = World(dist.get_rank(), dist.get_world_size(), device, dist.new_group(backend='gloo', timeout=TIMEOUT))
    LOG.info('process %d of %d on %s', world.rank, world.size, device)
    if not world.is_main:
        logging.getLogger().setLevel(logging.WARNING)  # the first process speaks for all
    try:
        yield world
    except BaseException as error:
        _leave(world)
        if isinstance(error, RuntimeError) and _LOST.search(str(error)):
            raise ConnectionError('another process of this training has ended. See what it said') from error
        raise
    dist.destroy_process_group()


def _leave(world: World) -> None:
    """Hang up after an error, so that the others notice and end too. Else gloo waits for them at exit, for ever."""
    dist.destroy_process_group(None if world.device.type == 'cpu' else world.control)


def _environment(given: Mapping[str, str], options: DistributedOptions) -> dict[str, str] | None:
    """The variables that torch reads, from a launcher's or SLURM's; None for a training on one process."""
    if not options.ddp:
        size = int(given.get('WORLD_SIZE') or given.get('SLURM_STEP_NUM_TASKS', '1'))
        if size > 1:
            raise UsageError(f'launched as one of {size} processes, without --ddp. Add --ddp')
        return None
    if 'RANK' in given and 'WORLD_SIZE' in given:
        found = {name: given[name] for name in ('RANK', 'WORLD_SIZE')}
        found['LOCAL_RANK'] = given.get('LOCAL_RANK', '0')
    elif 'SLURM_PROCID' in given:
        found = _slurm(given)
    else:
        raise UsageError(
            '--ddp needs to know the other processes. Start with torchrun --nproc-per-node=2 -m pifpaf_core.train --ddp'
        )
    if options.local_rank is not None:
        found['LOCAL_RANK'] = str(options.local_rank)
    return found


def _slurm(given: Mapping[str, str]) -> dict[str, str]:
    """Ranks from srun; the first node listens, on a port that follows from the number of the job."""
    found = {
        'RANK': given['SLURM_PROCID'],
        'WORLD_SIZE': given['SLURM_NTASKS'],
        'LOCAL_RANK': given.get('SLURM_LOCALID', '0'),
    }
    if 'MASTER_ADDR' not in given:
        found['MASTER_ADDR'] = _first_node(given.get('SLURM_STEP_NODELIST') or given.get('SLURM_NODELIST', ''))
    if 'MASTER_PORT' not in given:
        found['MASTER_PORT'] = str(15000 + int(given.get('SLURM_JOB_ID', '0')) % 20000)
    return found


def _first_node(nodes: str) -> str:
    """First host of a SLURM list such as ``n[01-04],m7``; scontrol knows the syntax, a plain name needs none."""
    if '[' not in nodes:
        return nodes.partition(',')[0] or '127.0.0.1'
    done = subprocess.run(['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def _device(options: DistributedOptions, environment: Mapping[str, str] | None) -> torch.device:
    if options.mps:
        return _apple_gpu(environment)
    if options.disable_cuda or not torch.cuda.is_available():
        return torch.device('cpu')
    index = int(environment['LOCAL_RANK']) if environment else 0
    if torch.cuda.device_count() == 1 and 'SLURM_PROCID' in os.environ:
        index = 0  # each task sees its own GPU only (--gpus-per-task, --gpu-bind)
    if index >= torch.cuda.device_count():
        raise UsageError(
            f'process {index} of this machine finds {torch.cuda.device_count()} GPUs. Start one process for each GPU'
        )
    torch.cuda.set_device(index)
    return torch.device('cuda', index)


def _apple_gpu(environment: Mapping[str, str] | None) -> torch.device:
    if not torch.backends.mps.is_available():
        raise UsageError("--mps: there is no GPU of Apple's that torch can use. Leave --mps out")
    if environment is not None:
        raise UsageError('--mps cannot be used by several processes. Leave --mps or --ddp out')
    LOG.warning("training on Apple's GPU is untested. Without --mps the CPU trains")
    return torch.device('mps')

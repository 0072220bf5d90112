"""A training step on the processor: shufflenetv2k16, batch 4, 385 px, as trained here and as written down naively."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

import torch

from benchmarks.measuring import Figure
from pifpaf_core.headmeta import Caf, Cif, HeadMeta
from pifpaf_core.losses import LossOptions, MultiHeadLoss
from pifpaf_core.network import create
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.training import optimizer
from pifpaf_core.training.allocation import keep_freed_memory
from pifpaf_core.training.clipping import Clipping
from pifpaf_core.training.ema import ExponentialMovingAverage
from pifpaf_core.training.objective import Objective, SpeedOptions
from pifpaf_core.training.optimizer import OptimizerOptions
from pifpaf_core.training.update import Update

PLAIN = 2360.0
"""Milliseconds of OpenPifPaf 0.13's step, which is plain float32 on two cores: what calibrates other machines."""


def measure(*, smoke: bool) -> Iterator[Figure]:
    """Time both kinds of step in turns, so that what disturbs the machine disturbs both.

    Each has a process of its own, because training changes how its process keeps memory.
    """
    basenet, edge = ('tiny', 65) if smoke else ('shufflenetv2k16', 385)
    with _in_process(plain, basenet, edge) as naive, _in_process(ours, basenet, edge) as here:
        times = [(naive(), here()) for _ in range(2 if smoke else 7)][1:]
    ratios = sorted(b / a for a, b in times)
    plains, trained = (sorted(column) for column in zip(*times, strict=True))
    middle, threads = len(times) // 2, f'{torch.get_num_threads()} threads'
    yield Figure('training step, plain float32', plains[middle], plains[0], openpifpaf=PLAIN, remark=threads)
    yield Figure('training step', trained[middle], trained[0], openpifpaf=PLAIN, remark=threads)
    yield Figure('training step, against plain float32 in turns', ratios[middle], ratios[0], 'ratio')


@contextmanager
def _in_process(
    make: Callable[[str, int], Callable[[], object]], basenet: str, edge: int
) -> Iterator[Callable[[], float]]:
    """What tells a new process to take one of its steps, and returns how many milliseconds it took."""
    context = multiprocessing.get_context('spawn')
    pipe, theirs = context.Pipe()
    process = context.Process(target=_take_steps, args=(make, basenet, edge, theirs), daemon=True)
    process.start()
    theirs.close()

    def step() -> float:
        pipe.send(True)
        milliseconds: float = pipe.recv()
        return milliseconds

    try:
        yield step
    finally:
        pipe.close()
        process.join()


def _take_steps(
    make: Callable[[str, int], Callable[[], object]], basenet: str, edge: int, pipe: 'Connection[float, bool]'
) -> None:
    step = make(basenet, edge)
    with suppress(EOFError):
        while pipe.recv():
            began = time.perf_counter()
            step()
            pipe.send((time.perf_counter() - began) * 1e3)


def _batch(metas: list[HeadMeta], edge: int, stride: int, n: int = 4) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Noise, and targets of which every hundredth cell belongs to somebody."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, edge, edge), generator=generator, dtype=torch.uint8)
    cells, targets = (edge - 1) // stride + 1, []
    for meta in metas:
        target = torch.full((n, meta.n_fields, meta.target.n_components, cells, cells), float('nan'))
        target[:, :, 0] = 0.0
        mine = torch.rand((n, meta.n_fields, cells, cells), generator=generator) < 0.01
        target.transpose(1, 2)[:, 0][mine] = 1.0
        target.transpose(1, 2)[:, 1:].masked_fill_(mine[:, None], 1.5)
        targets.append(target)
    return images, targets


def metas() -> list[HeadMeta]:
    """The heads that are trained here: Cif and Caf of COCO's person."""
    return [
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON),
        Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON),
    ]


def plain(basenet: str, edge: int) -> Callable[[], object]:
    """A step as one writes it down first: float32, nothing fused."""
    network = create(basenet, metas(), pretrain=False)
    loss = MultiHeadLoss(network.metas, LossOptions())
    images, targets = _batch(list(network.metas), edge, network.base_net.stride)
    sgd = torch.optim.SGD(network.parameters(), lr=1e-6, momentum=0.9, nesterov=True, foreach=False)

    def step() -> None:
        total, _ = loss(network(network.normalize(images)), targets)
        total.backward()
        sgd.step()
        sgd.zero_grad()

    return step


def ours(basenet: str, edge: int, n: int = 4) -> Callable[[], object]:
    """A step of training on a batch of n images, as `pifpaf train` does it on the processor."""
    keep_freed_memory()
    network = create(basenet, metas(), pretrain=False)
    images, targets = _batch(list(network.metas), edge, network.base_net.stride, n)
    objective = Objective(network, MultiHeadLoss(network.metas, LossOptions()), SpeedOptions(), torch.device('cpu'))
    sgd = optimizer.build([objective], OptimizerOptions(), lr=1e-6)
    update = Update(objective, sgd, Clipping(), ExponentialMovingAverage(network, decay=0.99))

    def step() -> None:
        total, _ = objective(images, targets)
        update.backward(total)
        update.apply(1e-6)

    return step

"""What saving the state costs a training: shufflenetv2k16 with SGD and with Adam, whose state is the largest."""

import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from benchmarks.measuring import Figure, timed
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.losses import LossOptions, MultiHeadLoss
from pifpaf_core.network import create
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.training import optimizer
from pifpaf_core.training.clipping import Clipping
from pifpaf_core.training.ema import ExponentialMovingAverage
from pifpaf_core.training.objective import Objective, SpeedOptions
from pifpaf_core.training.optimizer import OptimizerOptions
from pifpaf_core.training.state import StateFiles, StateOptions
from pifpaf_core.training.update import Update


def measure(*, smoke: bool) -> Iterator[Figure]:
    """Time a save with both generations on disk; as a share of the time between two, at the default interval."""
    basenet = 'tiny' if smoke else 'shufflenetv2k16'
    for name, options in (('SGD', OptimizerOptions()), ('Adam', OptimizerOptions(adam=True))):
        state = _state(basenet, options)
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on a disk, unlike the usual temporary folder
            files = StateFiles(Path(folder, 'run'))
            files.save(state)
            repetitions = 2 if smoke else 9
            save = timed(f'saving the state, {name}', partial(files.save, state), repetitions)
            size, plain = files.current.stat().st_size, _plain_write(files.current, repetitions)
        seconds = 60.0 * StateOptions().state_interval
        yield Figure(save.name, save.value, save.best, remark=f'{size / 2**20:.0f} MiB, digest and flush included')
        for what, unit in (('writing and flushing as many bytes', plain), ('the default interval', 1e3 * seconds)):
            yield Figure(f'{save.name}, against {what}', save.value / unit, save.best / unit, 'ratio')


def _state(basenet: str, options: OptimizerOptions) -> dict[str, object]:
    """A training's state after one step."""
    metas = [kind(name=kind.__name__, dataset='cocokp', skeleton=COCO_PERSON) for kind in (Cif, Caf)]
    network = create(basenet, metas, pretrain=False)
    objective = Objective(network, MultiHeadLoss(network.metas, LossOptions()), SpeedOptions(), torch.device('cpu'))
    sgd = optimizer.build([objective], options, lr=1e-3)
    update = Update(objective, sgd, Clipping(), ExponentialMovingAverage(network, decay=0.99))
    total = sum((p.square().sum() for p in network.parameters()), start=torch.zeros(()))
    update.backward(total)
    update.apply(1e-3)
    return {'network': network.state_dict(), **update.state_dict()}


def _plain_write(path: Path, repetitions: int) -> float:
    """Milliseconds of writing a file's content again beside it and flushing it."""
    content = path.read_bytes()
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        with path.with_suffix('.plain').open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        times.append((time.perf_counter() - began) * 1e3)
    return sorted(times)[len(times) // 2]


if __name__ == '__main__':
    for figure in measure(smoke=False):
        print(f'{figure.name}: {figure.value:.5g} {figure.unit}, best {figure.best:.5g} {figure.remark}')

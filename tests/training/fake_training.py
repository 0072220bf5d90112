"""A training without images on disk: random batches, a tiny network, and the trainer around them."""

import itertools
from pathlib import Path

import numpy as np
import torch

from pifpaf_core import backbones, checkpoint
from pifpaf_core.datasets.module import Batch
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.losses import LossOptions, MultiHeadLoss
from pifpaf_core.network import Network
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.training import optimizer
from pifpaf_core.training.distributed import World
from pifpaf_core.training.logs import TrainingLog
from pifpaf_core.training.objective import Objective, SpeedOptions, prepare_torch
from pifpaf_core.training.optimizer import OptimizerOptions
from pifpaf_core.training.options import TrainerOptions
from pifpaf_core.training.retention import Retention
from pifpaf_core.training.saving import Saving
from pifpaf_core.training.schedule import ScheduleOptions
from pifpaf_core.training.state import StateFiles
from pifpaf_core.training.trainer import Trainer
from pifpaf_core.transforms.sample import ImageMeta

EDGE = 33
BASENET = 'tiny'


def metas(datasets=('one',)):
    """A Cif and a Caf for each data set, not bound."""
    return [
        meta
        for dataset in datasets
        for meta in (
            Cif(name='cif', dataset=dataset, skeleton=COCO_PERSON),
            Caf(name='caf', dataset=dataset, skeleton=COCO_PERSON),
        )
    ]


def network(datasets=('one',), dropout=0.0):
    return Network(backbones.build(BASENET), metas(datasets), dropout=dropout)


class RandomLoader:
    """Batches that are a function of (seed, epoch, batch, rank); several data sets take turns.

    ``world_size`` processes get consecutive parts of the same big batch, as with real data.
    """

    def __init__(self, net, *, n_batches=4, batch_size=2, seed=0, rank=0, world_size=1):
        self.metas = net.metas
        self.datasets = tuple(dict.fromkeys(meta.dataset for meta in net.metas))
        self.n_batches, self.batch_size, self.seed = n_batches, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.asked = []

    def __len__(self):
        return self.n_batches

    def epoch(self, epoch, start=0):
        self.asked.append((epoch, start))
        for index in itertools.count(start):
            if index == self.n_batches:
                return
            yield self.batch(epoch, index)

    def batch(self, epoch, index):
        dataset = self.datasets[index % len(self.datasets)]
        samples = [self.sample(epoch, index, self.rank * self.batch_size + i, dataset) for i in range(self.batch_size)]
        images, targets, image_metas = zip(*samples, strict=True)
        stacked = [None if head[0] is None else torch.stack(head) for head in zip(*targets, strict=True)]
        return Batch(torch.stack(images), stacked, list(image_metas), dataset)

    def sample(self, epoch, index, number, dataset):
        generator = np.random.default_rng([self.seed, epoch, index, number])
        image = generator.integers(0, 256, (3, EDGE, EDGE), dtype=np.uint8)
        targets = [target(meta, generator) if meta.dataset == dataset else None for meta in self.metas]
        meta = ImageMeta(100 * index + number, 'none.jpg', dataset, (EDGE, EDGE), (EDGE, EDGE), np.eye(3), np.zeros(4))
        return torch.from_numpy(image), targets, meta

    def close(self):
        pass


def target(meta, generator):
    """A target field with foreground, background and cells to ignore."""
    side = (EDGE - 1) // meta.stride + 1
    field = generator.normal(size=(meta.n_fields, meta.target.n_components, side, side))
    chosen = generator.integers(0, 3, (meta.n_fields, side, side))
    field[:, meta.target.confidence] = np.choose(chosen, [0.0, 1.0, np.nan])
    for component in (*meta.target.scales, *meta.target.bmins):
        field[:, component] = np.abs(field[:, component]) + 0.1
    for vector in range(len(meta.target.vectors)):
        field[:, meta.target.vector(vector)][np.repeat(chosen[:, None] != 1, 2, axis=1)] = np.nan
    return torch.from_numpy(field.astype(np.float32))


def make_trainer(
    output: Path,
    *,
    datasets=('one',),
    world=None,
    interval=0.0,
    n_batches=4,
    batch_size=2,
    dropout=0.0,
    sync=True,
    train=None,
    schedule=None,
    optimization=None,
    loss_options=None,
    speed=None,
    **options,
):
    """A complete `Trainer` that writes files beginning with ``output``; further options are the trainer's."""
    world = world or World()
    prepare_torch(speed or SpeedOptions(), seed=0)
    net = network(datasets, dropout)
    if sync:
        world.synchronize(net)
    loss = MultiHeadLoss(net.metas, loss_options or LossOptions())
    schedule = schedule or ScheduleOptions(lr=0.01, lr_warm_up_epochs=0.5, lr_warm_up_factor=0.1)

    def write(epoch):
        path = Path(f'{output}.epoch{epoch:03d}.safetensors')
        checkpoint.save(path, net, epoch=epoch, basenet=BASENET)
        return path

    share = {'rank': world.rank, 'world_size': world.size, 'batch_size': batch_size}
    objective = Objective(net, loss, speed or SpeedOptions(), world.device)
    trainer_options = TrainerOptions(**{'epochs': 2, 'log_interval': 1, **options})
    return Trainer(
        objective,
        optimizer.build([net, loss], optimization or OptimizerOptions(), lr=schedule.lr),
        schedule,
        train or RandomLoader(net, n_batches=n_batches, **share),
        RandomLoader(net, n_batches=2, seed=1, **share),
        trainer_options,
        world,
        TrainingLog(Path(f'{output}.log') if world.is_main else None),
        Saving(
            StateFiles(output),
            interval=interval,
            write_checkpoint=write,
            facts={'options': {}, 'version': 'x'},
            retention=Retention(output, trainer_options.keep),
        ),
        silent=True,
    )


def weights(trainer):
    """Everything that training changes, on the CPU."""
    found = {f'network.{k}': v.clone() for k, v in trainer.objective.network.state_dict().items()}
    found |= {f'loss.{k}': v.clone() for k, v in trainer.objective.loss.state_dict().items()}
    found |= {f'ema.{k}': v.clone() for k, v in trainer._ema.state_dict()['average'].items()}
    for i, state in trainer.optimizer.state_dict()['state'].items():
        found |= {f'optimizer.{i}.{k}': torch.as_tensor(v).clone() for k, v in state.items() if v is not None}
    return found


def assert_same(a, b):
    """Bit-identical."""
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different, different[:5]

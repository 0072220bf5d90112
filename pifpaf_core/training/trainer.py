"""The training loop (FIELDS section 10, with what section 14 says to do better)."""

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch import nn

from ..command import Preempted
from . import batch_norm, schedule
from .clipping import Clipping
from .distributed import World
from .ema import ExponentialMovingAverage
from .health import LossWatch
from .logs import RECORDED, TrainingLog
from .measures import GpuMemory, LossMeter, Throughput, timed
from .nonfinite import Losses, NonFiniteLosses, Place
from .objective import Objective
from .options import TrainerOptions
from .preemption import Preemption
from .progress import ProgressBar, profiled
from .saving import Saving
from .schedule import ScheduleOptions
from .update import Update

if TYPE_CHECKING:
    from ..datasets.module import Batch, Loader

LOG = logging.getLogger(__name__)


@dataclass
class Trainer:
    """Trains a network epoch by epoch.

    Everything that a training has learned and where it stands is in `state` and `restore`: a training that is killed
    and restored goes on as if nothing had happened, to the last bit. Random numbers are a function of the seed and the
    batch, so that no generator has a state.

    Attributes:
        objective: network and loss, in their final place.
        optimizer: of the parameters of both.
        schedule: of the learning rate.
        train: training batches.
        val: validation batches.
        options: of the loop.
        world: the processes.
        log: where records go.
        saving: writes checkpoints and states.
        seed: of what is random in the network, e.g. dropout.
        silent: show no progress.
        epoch: epochs that are complete.
        batch: batches of the next epoch that are done.
        observer: sees the epoch, from 1, and each batch when the network has seen it.
    """

    objective: Objective
    optimizer: torch.optim.Optimizer
    schedule: ScheduleOptions
    train: 'Loader'
    val: 'Loader'
    options: TrainerOptions
    world: World
    log: TrainingLog
    saving: Saving
    seed: int = 0
    silent: bool = False
    epoch: int = 0
    batch: int = 0
    observer: 'Callable[[int, Batch], None] | None' = None

    def __post_init__(self) -> None:
        network = self.objective.network
        several_datasets = len({meta.dataset for meta in network.metas}) > 1
        self._parallel = self.world.parallel(self.objective, unused_parameters=several_datasets)
        self._ema = ExponentialMovingAverage(network, decay=1.0 - self.options.ema if self.options.ema else 0.0)
        self._clipping = Clipping(self.options.clip_grad_value, self.options.clip_grad_norm)
        self._update = Update(self.objective, self.optimizer, self._clipping, self._ema)
        self._nonfinite = NonFiniteLosses(
            self.objective, self.world, allowed=self.options.skip_nonfinite, output=self.saving.files.output,
            command=self.saving.command,
        )  # fmt: skip
        self._spoiled = False  # whether the group of batches holds one whose loss was not finite
        self._watch, self._memory = LossWatch(), GpuMemory(self.world.device)
        self._losses = self._new_meter()
        self.n_batches = min(len(self.train), self.options.train_batches or len(self.train))

    def fit(self) -> None:
        """Train until all epochs are complete.

        Raises:
            Preempted: after SIGTERM, with the state saved.
            ValueError: a loss is not finite, a batch cannot be made, or processes stand at different places.
            OSError: the last checkpoint or state could not be saved.
        """
        self._agree()
        if self.epoch >= self.epochs:
            LOG.info('%d epochs are complete. Give more --epochs to go on', self.epoch)
            return
        with self._watched():
            if (self.epoch, self.batch) == (0, 0):
                self._write_checkpoint(0)
            while self.epoch < self.epochs:
                self._train_epoch()
                self._finish_epoch()
                self.epoch, self.batch = self.epoch + 1, 0
            self._save_state()
        self.saving.check('checkpoint', 'state')

    def _train_epoch(self) -> None:
        """Train on the batches of the epoch that are left."""
        if self.batch == 0:
            self._losses = self._new_meter()
            self._clipping.reset()
        self._epoch_rate, self._rate = Throughput(), Throughput()
        self._memory.reset()
        self._set_training_mode()
        batches = self.train.epoch(self.epoch, self.batch)
        for batch, waited in timed(itertools.islice(batches, self.n_batches - self.batch)):
            self._train_batch(batch.to(self.world.device), waited)
            self.batch += 1
            if self.batch % self.options.stride_apply == 0 and self.batch < self.n_batches:
                self._save_if_due()

    def _train_batch(self, batch: 'Batch', waited: float) -> None:
        """Forward, backward and, if the batch completes its group, a step; then the record."""
        size, is_last = self._group()
        lr = self._learning_rate()
        place = self._place()
        torch.manual_seed(place.seed)
        with contextlib.nullcontext() if is_last else self._without_exchange():
            losses = self._nonfinite.computed(self._parallel, batch, place)
            if self.observer is not None:
                self.observer(self.epoch + 1, batch)
            if losses is not None:
                if self.world.is_main:
                    self._watch(losses[0].item(), dataset=batch.dataset, place=place.text)
                self._update.backward(losses[0] / size)
        self._spoiled |= losses is None
        if is_last:
            self._step(lr)
        for rate in (self._rate, self._epoch_rate):
            rate.count(len(batch.images) * self.world.size, waited)
        if losses is not None:
            self._losses.add(*losses)
            if self.batch % self.options.log_interval == 0:
                self._record_batch(lr, losses)
        self._bar.advance()
        self._profile.step()

    def _step(self, lr: float) -> None:
        """Apply the gradients of a group of batches, unless one of them is to be left out."""
        if self._spoiled:
            self._update.discard()
        else:
            self._update.apply(lr)
        self._spoiled = False

    def _finish_epoch(self) -> None:
        """Record the epoch; every ``val_interval`` epochs and at the end, write the averaged weights and validate.

        The state is written first: what follows starts over after a kill.
        """
        completed = self.epoch + 1
        is_written = completed % self.options.val_interval == 0 or completed == self.epochs
        self._save_if_due(now=is_written, at_end=True)
        clipped = {'n_clipped_grad': self._clipping.n_clipped, 'max_norm': round(self._clipping.max_norm, 5)}
        self._record_epoch('train-epoch', self._losses, self._epoch_rate, **clipped)
        if is_written:
            with self._ema.applied():
                self._settle_statistics()
                self._write_checkpoint(completed)
                loss = self._validate()
            if self.world.is_main:
                self.saving.validated(completed, loss)

    def _settle_statistics(self) -> None:
        """Give all processes the same statistics; on request, ones estimated anew."""
        network = self.objective.network
        self.world.copy_from_main(network.state_dict().values())
        if self.options.recalibrate_batch_norm:
            batches = itertools.islice(self.train.epoch(self.epoch), self.options.recalibrate_batch_norm)
            images = (batch.images for batch in self._interruptible(batches))
            batch_norm.recalibrate(network, images, self.objective.raw_fields)
            self.world.average(batch_norm.statistics(network))

    @torch.inference_mode()
    def _validate(self) -> float | None:
        """Mean loss of validation data with the network's statistics, which stay; None if no loss was finite."""
        self.objective.eval()
        losses, rate = self._new_meter(), Throughput()
        batches = itertools.islice(self.val.epoch(0), self.options.val_batches)
        for number, (batch, waited) in enumerate(timed(self._interruptible(batches))):
            place = Place(
                f'validation after epoch {self.epoch + 1}, batch {number}', f'val{self.epoch + 1}-{number}', 0
            )
            if found := self._nonfinite.validated(self.objective, batch, place):
                losses.add(*found)
            rate.count(len(batch.images) * self.world.size, waited)
        return self._record_epoch('val-epoch', losses, rate)

    # What is recorded

    def _record_batch(self, lr: float, losses: Losses) -> None:
        now = self._new_meter()
        now.add(*losses)
        loss, head_losses = now.means(self.world)
        assert loss is not None
        sigmas = self.objective.loss.sigmas()
        rates = self._rate.rates()
        self.log.record(
            'train', epoch=self.epoch, batch=self.batch, n_batches=self.n_batches, **self._rate.per_batch(),
            lr=lr, loss=loss, head_losses=head_losses, **({'mtl_sigmas': sigmas} if sigmas else {}), **rates,
            grad_norm=self._clipping.norm, **self._memory.peak(),
        )  # fmt: skip
        self._bar.status(
            f'epoch {self.epoch + 1}/{self.epochs}, batch {self.batch + 1}/{self.n_batches}',
            f'loss {loss:.1f}, lr {lr:.3g}, {rates["images_per_second"]:.1f} images/s, '
            f'{100.0 * rates["data_wait"]:.0f} % waiting for data',
        )
        self._rate.reset()

    def _record_epoch(self, kind: str, losses: LossMeter, rate: Throughput, **fields: Any) -> float | None:
        loss, head_losses = losses.means(self.world)
        rates = rate.rates()
        fields = {'loss': loss, 'head_losses': head_losses, 'time': round(rate.seconds, 3), **rates, **fields}
        self.log.record(kind, epoch=self.epoch + 1, **fields)
        told = 'no loss was finite' if loss is None else f'loss {loss:.5g}'
        LOG.info('%s %d: %s, %.1f images/s', kind, self.epoch + 1, told, rates['images_per_second'], extra=RECORDED)
        return loss

    # What survives a kill

    def state(self) -> dict[str, Any]:
        """All that the rest of the training depends on. To be asked of all processes together."""
        return {
            'epoch': self.epoch, 'batch': self.batch, 'n_batches': self.n_batches, 'world_size': self.world.size,
            'network': self.objective.network.state_dict(), 'loss': self.objective.loss.state_dict(),
            'losses': self._losses.state(self.world), **self._update.state_dict(), 'watch': self._watch.state_dict(),
            'skipped': self._nonfinite.skipped, 'validation': self.saving.retention.state_dict(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state`` was taken.

        With another number of processes or batches, an epoch that is not complete starts over.
        """
        self.objective.network.load_state_dict(state['network'])
        self.objective.loss.load_state_dict(state['loss'])
        self._update.load_state_dict(state)
        self._losses.restore(state['losses'], self.world)
        if 'watch' in state:  # older states know nothing of the rest
            self._watch.load_state_dict(state['watch'])
            self._nonfinite.skipped = state['skipped']
            self.saving.retention.load_state_dict(state['validation'])
        self.epoch, self.batch = state['epoch'], state['batch']
        was, now = (state['world_size'], state['n_batches']), (self.world.size, self.n_batches)
        if was != now:
            complete = state['batch'] == state['n_batches']
            self.batch = self.n_batches if complete else 0
            LOG.warning(
                'the state is from %d processes with %d batches an epoch, now %d with %d: %s', *was, *now,
                'the next epoch begins' if complete else f'epoch {self.epoch + 1} starts over',
            )  # fmt: skip

    def _agree(self) -> None:
        """Make sure that all processes have the same number of batches and stand at the same one."""
        places = self.world.gather(torch.tensor([self.epoch, self.batch, self.n_batches])).tolist()
        told = [f'process {i} at epoch {e + 1}, batch {b} of {n}' for i, (e, b, n) in enumerate(places)]
        other = next((text for text, place in zip(told, places, strict=True) if place != places[0]), None)
        if other is not None:
            raise ValueError(
                f'the processes do not agree: {told[0]}, {other}. Give all of them the same annotations and options'
            )

    def _save_if_due(self, *, now: bool = False, at_end: bool = False) -> None:
        """Between two steps: save when it is time, at the end of an epoch if cheap, or ``now``; leave if asked."""
        due = self.saving.due() or (at_end and self.saving.cheap())
        preempted, due = self.world.any(self._preemption.requested, self.world.is_main and due)
        if now or preempted or due:
            self._save_state()
        if preempted:
            self._leave()

    def _save_state(self) -> None:
        state = self.state()
        if self.world.is_main:
            self.saving.state(state)

    def _write_checkpoint(self, epoch: int) -> None:
        if self.world.is_main:
            self.saving.checkpoint(epoch)

    def _interruptible(self, batches: Iterable['Batch']) -> Iterator['Batch']:
        """Batches on the device, for work that starts over after a kill because the state before it is saved."""
        for batch in batches:
            if self.world.any(self._preemption.requested)[0]:
                self._leave()
            yield batch.to(self.world.device)

    def _leave(self) -> NoReturn:
        self.saving.check('state')
        raise Preempted(
            f'preempted after batch {self.batch} of epoch {self.epoch + 1}: the state is saved. '
            f'Continue with --output={self.saving.files.output}'
        )

    # Small things

    @property
    def epochs(self) -> int:
        """Epochs to train in all."""
        assert self.options.epochs is not None
        return self.options.epochs

    def _learning_rate(self) -> float:
        step = self.epoch * self.n_batches + self.batch
        return schedule.learning_rate(self.schedule, step, batches_per_epoch=self.n_batches)

    def _group(self) -> tuple[int, bool]:
        """How many batches share the step that this batch belongs to, and whether it is the last of them."""
        stride = self.options.stride_apply
        first = self.batch - self.batch % stride
        size = min(stride, self.n_batches - first)
        return size, self.batch == first + size - 1

    def _place(self) -> Place:
        """Where the training is, with the seed of what is random in the network in this batch and process."""
        entropy = np.random.SeedSequence([self.seed, self.epoch, self.batch, self.world.rank])
        text, name = f'epoch {self.epoch + 1}, batch {self.batch}', f'epoch{self.epoch + 1:03d}-{self.batch:05d}'
        return Place(text, name, int(entropy.generate_state(1, np.uint64)[0]))

    def _set_training_mode(self) -> None:
        self.objective.train()
        fixed_from = self.options.fix_batch_norm
        if fixed_from is not None and self.epoch >= fixed_from:
            batch_norm.fix(self.objective.network)

    def _without_exchange(self) -> contextlib.AbstractContextManager[None]:
        """Gradients stay in their process until the last batch of a group."""
        module = self._parallel
        if not isinstance(module, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        unsynchronized: contextlib.AbstractContextManager[None] = module.no_sync()
        return unsynchronized

    def _new_meter(self) -> LossMeter:
        return LossMeter(len(self.objective.loss.field_names), self.world.device)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """A progress bar, a profile if asked for, and an ear for SIGTERM."""
        done = min(self.epoch, self.epochs) * self.n_batches + self.batch
        with (
            Preemption() as self._preemption,
            ProgressBar(
                total=self.epochs * self.n_batches, done=done, force=self.options.progress, silent=self.silent
            ) as self._bar,
            profiled(self.options.profile if self.world.is_main else None) as self._profile,
        ):
            yield

"""The learning rate as a function of the batch: warm-up, decays and warm restarts (FIELDS section 10)."""

from dataclasses import dataclass

from ..options import option


@dataclass(frozen=True)
class ScheduleOptions:
    """Learning rate schedule. All epochs may be fractions.

    An epoch is as many batches as a training really runs, so that the schedule keeps its meaning with
    ``--train-batches``.
    """

    lr: float = option(0.001, 'learning rate')
    lr_decay: tuple[float, ...] = option((), 'epochs at which to decay the learning rate')
    lr_decay_factor: float = option(0.1, 'factor of each decay')
    lr_decay_epochs: float = option(1.0, 'duration of a decay in epochs')
    lr_warm_up_start_epoch: float = option(0.0, 'epoch at which the warm-up starts')
    lr_warm_up_epochs: float = option(1.0, 'duration of the warm-up in epochs')
    lr_warm_up_factor: float = option(0.001, 'factor before and at the start of the warm-up')
    lr_warm_restarts: tuple[float, ...] = option((), 'epochs at which to restart with the full learning rate')
    lr_warm_restart_duration: float = option(0.5, 'epochs from a warm restart back to the scheduled learning rate')

    def __post_init__(self) -> None:
        if not self.lr > 0.0:
            raise ValueError(f'--lr={self.lr} is not positive. Give a learning rate such as 0.001')
        for name in ('lr_decay_factor', 'lr_warm_up_factor'):
            if not getattr(self, name) > 0.0:
                raise ValueError(f'{_flag(name)}={getattr(self, name)} is not positive. Give a factor such as 0.1')
        for name in ('lr_decay_epochs', 'lr_warm_up_epochs', 'lr_warm_restart_duration'):
            if getattr(self, name) < 0.0:
                raise ValueError(f'{_flag(name)}={getattr(self, name)} is negative. Give 0 or more epochs')


def multiplier(options: ScheduleOptions, step: int, *, batches_per_epoch: int) -> float:
    """Factor on the learning rate for batch ``step``, counted from the start of epoch 0.

    The warm-up and each decay multiply, each an exponential from one value to the other; during a warm restart the
    product is raised to a power that grows from 0 to 1.
    """
    epoch = step / batches_per_epoch
    warmed = _progress(epoch, options.lr_warm_up_start_epoch, options.lr_warm_up_epochs)
    factor: float = options.lr_warm_up_factor ** (1.0 - warmed)
    for decay in options.lr_decay:
        factor *= options.lr_decay_factor ** _progress(epoch, decay, options.lr_decay_epochs)
    for restart in options.lr_warm_restarts:
        if restart <= epoch < restart + options.lr_warm_restart_duration:
            factor **= _progress(epoch, restart, options.lr_warm_restart_duration)
    return factor


def learning_rate(options: ScheduleOptions, step: int, *, batches_per_epoch: int) -> float:
    """Learning rate of batch ``step``, counted from the start of epoch 0."""
    return options.lr * multiplier(options, step, batches_per_epoch=batches_per_epoch)


def _progress(epoch: float, start: float, duration: float) -> float:
    """0 before ``start``, 1 after ``start + duration``, linear between."""
    if duration == 0.0:
        return 1.0 if epoch >= start else 0.0
    return min(1.0, max(0.0, (epoch - start) / duration))


def _flag(name: str) -> str:
    return '--' + name.replace('_', '-')

"""What a user can choose about the training loop."""

from dataclasses import dataclass

from ..options import option
from .retention import Keep


@dataclass(frozen=True)
class TrainerOptions:
    """Trainer."""

    epochs: int | None = option(None, 'number of epochs to train')
    train_batches: int | None = option(None, 'batches of a training epoch (default: all)')
    val_batches: int | None = option(None, 'batches of a validation (default: all)')
    clip_grad_norm: float = option(0.0, 'limit on the largest change of a single parameter in a step; 0 for none')
    clip_grad_value: float = option(0.0, 'limit on each element of the gradient; 0 for none')
    log_interval: int = option(11, 'log the loss every so many batches')
    val_interval: int = option(1, 'write a checkpoint and validate every so many epochs')
    stride_apply: int = option(1, 'accumulate the gradients of so many batches for a step')
    fix_batch_norm: int | None = option(
        None, 'normalize with the running statistics and keep them, from this epoch on (default without value: 0)',
        nargs='?', const=0, metavar='EPOCH',
    )  # fmt: skip
    recalibrate_batch_norm: int = option(
        0, 'estimate normalization statistics anew on so many training batches together for each checkpoint'
    )
    ema: float = option(0.01, 'one minus the decay of the average of the weights; 0 saves the last weights')
    skip_nonfinite: int = option(0, 'leave out so many steps whose loss is not finite before the training stops')
    replay: str | None = option(
        None, 'train nothing: compute the loss of a batch again that a training saved as not finite, and name the '
        'layer', metavar='FILE',
    )  # fmt: skip
    keep_checkpoints: str | None = option(
        None, 'checkpoints that stay on disk, e.g. last:3,best:2,every:10 (default: all)', metavar='RULE'
    )
    profile: str | None = option(None, 'write a Chrome trace of the first batches to this file', metavar='FILE')
    progress: bool = option(False, 'show the progress bar even if stderr is no terminal')

    def __post_init__(self) -> None:
        for name in ('epochs', 'train_batches', 'val_batches', 'log_interval', 'val_interval', 'stride_apply'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{_flag(name)}={value} is too small. Give 1 or more')
        for name in ('clip_grad_norm', 'clip_grad_value', 'recalibrate_batch_norm', 'fix_batch_norm', 'skip_nonfinite'):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f'{_flag(name)}={getattr(self, name)} is negative. Give 0 or more')
        if not 0.0 <= self.ema < 1.0:
            raise ValueError(f'--ema={self.ema} is not in [0, 1). Give a value such as 0.01, or 0 for no average')
        if self.keep_checkpoints is not None:
            Keep.parse(self.keep_checkpoints)

    @property
    def keep(self) -> Keep | None:
        """Which checkpoints stay; None for all."""
        return Keep.parse(self.keep_checkpoints) if self.keep_checkpoints is not None else None


def _flag(name: str) -> str:
    return '--' + name.replace('_', '-')

"""The optimizer: SGD with Nesterov momentum, Adam or AMSGrad, and which parameters decay (FIELDS sections 10, 14)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..options import option


@dataclass(frozen=True)
class OptimizerOptions:
    """Optimizer."""

    momentum: float = option(0.9, 'momentum of SGD, beta1 of Adam')
    beta2: float = option(0.999, 'beta2 of Adam')
    adam_eps: float = option(1e-6, 'eps of Adam')
    nesterov: bool = option(True, 'plain instead of Nesterov momentum for SGD')
    weight_decay: float = option(0.0, 'weight decay; spares biases and normalization layers')
    weight_decay_all: bool = option(False, 'weight decay also on biases and normalization layers, as in OpenPifPaf')
    adam: bool = option(False, 'Adam instead of SGD')
    amsgrad: bool = option(False, 'Adam with AMSGrad instead of SGD')

    def __post_init__(self) -> None:
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f'--momentum={self.momentum} is not in [0, 1). Give a value such as 0.9')
        if not 0.0 <= self.beta2 < 1.0:
            raise ValueError(f'--beta2={self.beta2} is not in [0, 1). Give a value such as 0.999')
        if self.weight_decay < 0.0:
            raise ValueError(f'--weight-decay={self.weight_decay} is negative. Give 0 or more')


def build(modules: Sequence[nn.Module], options: OptimizerOptions, *, lr: float) -> torch.optim.Optimizer:
    """Make the optimizer of all parameters of ``modules``.

    There are always two groups: matrices and kernels, then vectors and scalars (biases, normalization, loss weights).
    So a state fits whether or not the second group decays.
    """
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {'params': [p for p in parameters if p.ndim > 1], 'weight_decay': options.weight_decay},
        {
            'params': [p for p in parameters if p.ndim <= 1],
            'weight_decay': options.weight_decay if options.weight_decay_all else 0.0,
        },
    ]
    groups = [group for group in groups if group['params']]
    if options.adam or options.amsgrad:
        betas = (options.momentum, options.beta2)
        return torch.optim.Adam(groups, lr=lr, betas=betas, eps=options.adam_eps, amsgrad=options.amsgrad, fused=True)
    nesterov = options.nesterov and options.momentum > 0.0
    sgd = torch.optim.SGD(groups, lr=lr, momentum=options.momentum, nesterov=nesterov, fused=True)
    _give_momentum(sgd)
    return sgd


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Use ``lr`` in all groups from the next step on."""
    for group in optimizer.param_groups:
        group['lr'] = lr


def restore(optimizer: torch.optim.Optimizer, state: dict[str, object]) -> None:
    """Load what the optimizer has accumulated; rates and other settings stay as they were built."""
    optimizer.load_state_dict({'state': state['state'], 'param_groups': optimizer.state_dict()['param_groups']})
    _give_momentum(optimizer)


def _give_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Let all parameters of SGD begin with a momentum of zero, which is what the first gradient would make of none.

    torch's fused SGD fails when a head gets its first gradient later than others, as happens with several data sets.
    """
    for group in optimizer.param_groups:
        for parameter in group['params'] if group.get('momentum') else ():
            state = optimizer.state[parameter]
            if state.get('momentum_buffer') is None:
                state['momentum_buffer'] = torch.zeros_like(parameter, memory_format=torch.preserve_format)

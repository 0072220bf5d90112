"""BatchNorm over all processes on any device: torch's own SyncBatchNorm needs CUDA (CONTRACTS section 6)."""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def synchronize(network: nn.Module, device: torch.device) -> None:
    """Replace each BatchNorm2d within ``network`` by one that normalizes with the statistics of all processes.

    Parameters, buffers and state keys stay. Instance and group norm see one image at a time and are left alone.
    """
    if device.type == 'cuda':
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, _converted(child))
        else:
            synchronize(child, device)


def has_own_statistics(network: nn.Module) -> bool:
    """Whether some layer follows the batches of its own process only."""
    shared = (SyncBatchNorm2d, nn.SyncBatchNorm)
    return any(isinstance(m, _BatchNorm) and not isinstance(m, shared) for m in network.modules())


class SyncBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d whose batch statistics are those of all processes together; they may hold unequal batches."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize ``x`` [B, C, H, W]; the gradient flows through the statistics of all processes."""
        if not self.training:
            return super().forward(x)
        count = _sum_over_processes(x.new_full((1,), x.numel() // x.shape[1]))
        mean = _sum_over_processes(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        var = _sum_over_processes(centred.square().sum((0, 2, 3))) / count
        self._track(mean.detach(), var.detach(), count)
        scale = torch.rsqrt(var + self.eps)
        if self.affine:
            return torch.addcmul(self.bias[:, None, None], centred, (scale * self.weight)[:, None, None])
        return centred * scale[:, None, None]

    @torch.no_grad()
    def _track(self, mean: torch.Tensor, var: torch.Tensor, count: torch.Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        weight = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(var * (count / (count - 1)), weight)


class _SumOverProcesses(torch.autograd.Function):
    """Sum over processes; its gradient is the sum of the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(x: torch.Tensor) -> torch.Tensor:
    return _SumOverProcesses.apply(x)  # type: ignore[no-any-return]


def _converted(layer: nn.BatchNorm2d) -> SyncBatchNorm2d:
    new = SyncBatchNorm2d(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats).train(
        layer.training
    )
    new._parameters.update(layer._parameters)
    new._buffers.update(layer._buffers)
    return new

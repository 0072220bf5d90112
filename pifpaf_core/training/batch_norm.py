"""Statistics of normalization layers: fixing them and estimating them anew (FIELDS section 17)."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def layers(network: nn.Module) -> list[_BatchNorm]:
    """All BatchNorm layers that keep running statistics."""
    return [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


def statistics(network: nn.Module) -> list[Tensor]:
    """Running means and variances of all layers, as they are: not copies."""
    return [s for layer in layers(network) for s in (layer.running_mean, layer.running_var) if s is not None]


def fix(network: nn.Module) -> None:
    """Normalize with the running statistics and leave them as they are, until the next ``network.train()``."""
    for layer in layers(network):
        layer.eval()


def smallest_eps(network: nn.Module) -> float | None:
    """The smallest eps of the normalization layers, or None without any."""
    return min((layer.eps for layer in layers(network)), default=None)


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor], forward: Callable[[Tensor], object]) -> None:
    """Replace the running statistics by those of all ``batches`` together.

    Running statistics lag by hundreds of batches, so the weights of a short training look dead with them. The batches
    go through the network as one (as one for each size, then averaged), so that each layer sees what the layers before
    it will give in evaluation. Averages over separate batches are not the same: each of these is normalized by its own
    statistics, and an overfitted network notices. All other layers are in evaluation mode. Without any batch the
    statistics stay.

    Args:
        network: whose layers are meant.
        batches: images [B, 3, H, W]; memory must hold them all at once, without gradients.
        forward: runs the network on such images.
    """
    sizes: dict[torch.Size, list[Tensor]] = {}
    for images in batches:
        sizes.setdefault(images.shape[-2:], []).append(images)
    if not sizes:
        return
    with _estimating(network):
        for layer in layers(network):
            layer.reset_running_stats()
        for equal in sizes.values():
            forward(torch.cat(equal))


@contextlib.contextmanager
def _estimating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, but BatchNorm layers average over batches; the modes and momenta from before return."""
    modes = {module: module.training for module in network.modules()}
    momenta = {layer: layer.momentum for layer in layers(network)}
    network.eval()
    for layer in momenta:
        layer.train()
        layer.momentum = None
    try:
        yield
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum
        for module, mode in modes.items():
            module.training = mode

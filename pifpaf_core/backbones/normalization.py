"""Settings of normalization layers that every backbone shares (FIELDS section 3)."""

from torch import nn

BATCH_NORM_EPS = 1e-3  # at least: pretrained networks may bring a larger one
OTHER_EPS = 1e-4
MOMENTUM = 0.01


def set_normalization_defaults(module: nn.Module) -> None:
    """Set eps and momentum of all normalization layers below ``module``, in place.

    The large eps bounds the gain of channels that hardly vary, the small momentum averages over many small batches.
    """
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            layer.eps = max(layer.eps, BATCH_NORM_EPS)
            layer.momentum = MOMENTUM
        elif isinstance(layer, nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d):
            layer.eps = OTHER_EPS
            layer.momentum = MOMENTUM
        elif isinstance(layer, nn.GroupNorm | nn.LayerNorm):
            layer.eps = OTHER_EPS

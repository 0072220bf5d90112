"""Heads: backbone features -> composite fields. Generic over the layout of the field (FIELDS section 2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .headmeta import HeadMeta


class CompositeField(nn.Module):
    """One composite field: dropout, a 1x1 convolution, and a pixel shuffle that refines the grid.

    The upsampled grid is cut so that cell (0, 0) stays on pixel (0, 0): n cells become ``(n - 1) * upsample + 1``.

    Args:
        meta: what the field is.
        in_features: channels of the backbone's features.
        dropout: probability with which a feature channel is zeroed in training.
    """

    def __init__(self, meta: HeadMeta, in_features: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.meta = meta
        self.dropout = nn.Dropout2d(dropout)
        out_features = meta.n_fields * meta.prediction.n_components * meta.upsample**2
        self.conv = nn.Conv2d(in_features, out_features, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, in_features, h, w] -> raw field [B, F, C, H, W]: no activation, no cell index."""
        field: Tensor = self.conv(self.dropout(features))
        if self.meta.upsample > 1:
            field = _refined(field, self.meta.upsample)
        batch, _, height, width = field.shape
        return field.reshape(batch, self.meta.n_fields, self.meta.prediction.n_components, height, width)


def inference(raw: Tensor, meta: HeadMeta) -> Tensor:
    """Raw field -> inference layout: what decoders read.

    Confidence through a sigmoid, scales through a softplus, and the cell's index added to the vectors that point from
    their cell, so that ``value * stride`` is a pixel. The other components stay (FIELDS section 2).

    Args:
        raw: [B, F, C, H, W]; computed in float32 at least, because bfloat16 cannot count the cells of a large field.
        meta: what the field is.

    Returns:
        [B, F, C, H, W], a new tensor in units of cells.
    """
    layout = meta.prediction
    components = list((raw if raw.dtype == torch.float64 else raw.float()).unbind(2))
    height, width = raw.shape[-2:]
    columns = torch.arange(width, device=raw.device, dtype=components[0].dtype)
    rows = torch.arange(height, device=raw.device, dtype=components[0].dtype)[:, None]

    components[layout.confidence] = torch.sigmoid(components[layout.confidence])
    for x, is_offset in zip(layout.vectors, layout.offset_vectors, strict=True):
        if is_offset:
            components[x] = components[x] + columns
            components[x + 1] = components[x + 1] + rows
    for scale in layout.scales:
        components[scale] = functional.softplus(components[scale])
    return torch.stack(components, 2)


def _refined(field: Tensor, upsample: int) -> Tensor:
    """[B, C * u * u, h, w] -> [B, C, (h - 1) * u + 1, (w - 1) * u + 1] by pixel shuffle."""
    low = (upsample - 1) // 2
    high = upsample - 1 - low
    height, width = (n * upsample for n in field.shape[-2:])
    return functional.pixel_shuffle(field, upsample)[..., low : height - high, low : width - high]

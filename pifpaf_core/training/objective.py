"""From images and targets to the loss, in the precision and memory format that the device likes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..losses import MultiHeadLoss
from ..network import Network
from ..options import option


@dataclass(frozen=True)
class SpeedOptions:
    """Precision and speed."""

    precision: Literal['auto', 'float32', 'bfloat16', 'float16'] = option(
        'auto', 'of the network in training; auto is bfloat16 on GPUs that have it. float16 scales gradients. Losses '
        'are always float32',
    )  # fmt: skip
    channels_last: bool = option(True, 'keep channels first in memory')
    compile: bool = option(False, 'compile the network with torch.compile')
    deterministic: bool = option(False, 'only use algorithms that give the same result in every run')

    def autocast_dtype(self, device: torch.device) -> torch.dtype | None:
        """The type that convolutions are cast to; None for float32."""
        if self.precision != 'auto':
            return {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}[self.precision]
        has_it = device.type == 'cuda' and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_it else None


class Objective(nn.Module):
    """The loss of a network as one module, so that whoever averages gradients sees the parameters of both.

    Args:
        network: gives raw fields for normalized images.
        loss: compares them with targets.
        options: precision and speed.
        device: where both shall live.
    """

    def __init__(self, network: Network, loss: MultiHeadLoss, options: SpeedOptions, device: torch.device) -> None:
        super().__init__()
        self.memory_format = torch.channels_last if options.channels_last else torch.contiguous_format
        self.network: Network = network.to(device=device, memory_format=self.memory_format)  # type: ignore[call-overload]
        self.loss: MultiHeadLoss = loss.to(device)
        self.autocast_dtype = options.autocast_dtype(device)
        if options.compile:
            self.network.compile()

    def forward(self, images: Tensor, targets: Sequence[Tensor | None]) -> tuple[Tensor, list[Tensor | None]]:
        """Loss of uint8 images [B, 3, H, W] with one target [B, F, C, h, w] or None a head.

        Returns:
            The total, and each component or None where a head had no target.
        """
        result: tuple[Tensor, list[Tensor | None]] = self.loss(self.raw_fields(images), targets)
        return result

    def raw_fields(self, images: Tensor) -> list[Tensor]:
        """What the heads say of uint8 images [B, 3, H, W], before any activation."""
        dtype = self.autocast_dtype
        images = self.network.normalize(images).contiguous(memory_format=self.memory_format)
        with torch.autocast(images.device.type, dtype=dtype, enabled=dtype is not None):
            fields: list[Tensor] = self.network(images)
        return fields


def prepare_torch(options: SpeedOptions, *, seed: int) -> None:
    """Seed torch, and choose between its fastest and its repeatable algorithms; before the network is made."""
    if options.deterministic:
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    torch.use_deterministic_algorithms(options.deterministic)
    torch.backends.cudnn.benchmark = not options.deterministic
    torch.manual_seed(seed)

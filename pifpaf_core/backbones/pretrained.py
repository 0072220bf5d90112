"""Networks of torchvision, with its ImageNet weights or without."""

from pathlib import Path

import torch
from torch import nn

from ..download import DownloadError, fetch


def torchvision_network(name: str, *, pretrain: bool, flag: str) -> nn.Module:
    """The classification network ``name`` of torchvision.

    Args:
        name: as torchvision calls it.
        pretrain: load the first published ImageNet weights (V1), those that OpenPifPaf started from.
        flag: what switches ``pretrain`` off, for the message.

    Raises:
        ValueError: the weights cannot be downloaded; the message names ``flag``.
    """
    import torchvision  # here, because it takes a second that other backbones need not wait

    network: nn.Module = torchvision.models.get_model(name, weights=None)
    if pretrain:
        address = torchvision.models.get_model_weights(name).IMAGENET1K_V1.url
        try:
            path = fetch(address, Path(torch.hub.get_dir()) / 'checkpoints')
        except DownloadError as error:
            raise ValueError(f'no ImageNet weights for {name}: {error}, or start without them: {flag}') from error
        network.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))
    return network

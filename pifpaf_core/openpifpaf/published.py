"""Checkpoints that OpenPifPaf's authors publish. The weights are theirs, under their licence: linked, not shipped."""

from pathlib import Path

import torch

from ..download import fetch

_TORCHHUB = 'https://github.com/openpifpaf/torchhub/releases/download'
_OLD_TORCHHUB = 'https://github.com/vita-epfl/openpifpaf-torchhub/releases/download'
_ASSETS = 'https://github.com/DuncanZauss/openpifpaf_assets/releases/download/v0.1.0'

# fmt: off
ADDRESSES = {
    'shufflenetv2k30-animalpose': f'{_OLD_TORCHHUB}/v0.12.9/shufflenetv2k30-210511-120906-animal.pkl.epoch400',
    'shufflenetv2k16-apollo-24': f'{_ASSETS}/shufflenetv2k16-201113-135121-apollo.pkl.epoch290',
    'shufflenetv2k16-apollo-66': f'{_ASSETS}/sk16_apollo_66kp.pkl',
    'shufflenetv2k30-apollo-66': f'{_ASSETS}/sk30_apollo_66kp.pkl',
    'mobilenetv2': f'{_OLD_TORCHHUB}/v0.12a5/mobilenetv2-201112-193315-cocokp-1728a9f5.pkl',
    'mobilenetv3small':
        f'{_TORCHHUB}/v0.13/mobilenetv3small-210822-213409-cocokp-slurm726252-edge513-o10s-803b24ae.pkl',
    'mobilenetv3large':
        f'{_TORCHHUB}/v0.13/mobilenetv3large-210820-184901-cocokp-slurm725985-edge513-o10s-6c76cbfb.pkl',
    'resnet50': f'{_TORCHHUB}/v0.13/resnet50-210830-150728-cocokp-slurm728641-edge513-o10s-ecd30da4.pkl',
    'shufflenetv2k16': f'{_TORCHHUB}/v0.13/shufflenetv2k16-210820-232500-cocokp-slurm726069-edge513-o10s-7189450a.pkl',
    'shufflenetv2k16-withdense': f'{_OLD_TORCHHUB}/v0.12b4/shufflenetv2k16-210221-131426-cocokp-o10s-627d901e.pkl',
    'shufflenetv2k30': f'{_TORCHHUB}/v0.13/shufflenetv2k30-210821-003923-cocokp-slurm726072-edge513-o10s-5fe1c400.pkl',
    'mobilenetv3small-cocodet': f'{_TORCHHUB}/v0.13/mobilenetv3small-210822-215020-cocodet-slurm726253-5f2c894f.pkl',
    'resnet18-cocodet': f'{_TORCHHUB}/v0.12.10/resnet18-210526-031303-cocodet-slurm610002-1faf5801.pkl',
    'resnet50-crowdpose': f'{_OLD_TORCHHUB}/v0.12a7/resnet50-201005-100758-crowdpose-d978a89f.pkl',
    'shufflenetv2k16-nuscenes': f'{_ASSETS}/nuscenes_sk16.pkl.epoch150',
    'shufflenetv2k16-wholebody': f'{_ASSETS}/sk16_wholebody.pkl',
    'shufflenetv2k30-wholebody': f'{_ASSETS}/sk30_wholebody.pkl',
}
# fmt: on
UNPUBLISHED = ('resnet18', 'resnet101', 'resnet152', 'shufflenetv2x1', 'shufflenetv2x2', 'shufflenetv2k44')
TRACKING = ('tshufflenetv2k16', 'tshufflenetv2k30')


def is_name(text: str) -> bool:
    """Whether ``text`` names a checkpoint of OpenPifPaf, whether or not it can be had."""
    return text in (*ADDRESSES, *UNPUBLISHED, *TRACKING)


def file(name: str, *, progress: bool = True) -> Path:
    """The file of checkpoint ``name``, downloaded once into torch's cache, where OpenPifPaf keeps it too.

    Raises:
        ValueError: never published, tracking, or not to be downloaded; the message says what to do.
    """
    if name in TRACKING:
        raise ValueError(
            f"'{name}' tracks people over images, which is not supported. Give one of {', '.join(ADDRESSES)}"
        )
    if name in UNPUBLISHED:
        raise ValueError(f"OpenPifPaf knows '{name}' but never published it. Give one of {', '.join(ADDRESSES)}")
    return fetch(ADDRESSES[name], Path(torch.hub.get_dir()) / 'checkpoints', progress=progress)

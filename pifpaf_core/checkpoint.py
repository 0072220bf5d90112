"""Checkpoints: weights, head metas, epoch and how they were trained, in one safetensors file: data, no code."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from . import backbones, openpifpaf, readers, version
from .files import atomic_path
from .headmeta import HeadMeta, head_meta_from_dict
from .network import Network, NetworkOptions, consolidated, create
from .openpifpaf import published

FORMAT = 1
_KEY = 'pifpaf'  # of the metadata, whose value is one JSON object


@dataclass
class Checkpoint:
    """A network and where it comes from.

    Attributes:
        network: in eval mode.
        basenet: name of its backbone.
        epoch: epochs that it was trained for.
        metadata: the JSON object of the file: ``format``, ``basenet``, ``backbone_options``, ``metas``, ``epoch``,
            ``version`` and ``training``, the resolved options by flag name, of which ``resample`` (``linear`` or
            ``area``) says how images were resized; and ``imported`` if OpenPifPaf wrote the file.
    """

    network: Network
    basenet: str
    epoch: int
    metadata: dict[str, Any]

    @property
    def backbone_options(self) -> dict[str, Any]:
        """Options of the backbone by family, as `save` takes them."""
        options: dict[str, Any] = self.metadata['backbone_options']
        return options


def save(
    path: str | os.PathLike[str],
    network: Network,
    *,
    epoch: int,
    basenet: str,
    backbone_options: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    imported: Mapping[str, Any] | None = None,
    state_dict: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file.
        network: gives the metas, and the weights unless ``state_dict`` does.
        epoch: epochs trained.
        basenet: name of the backbone.
        backbone_options: {family: options} as given to `backbones.build`.
        training: resolved options by flag name, as JSON data.
        imported: where OpenPifPaf's file came from, as `openpifpaf.read` says.
        state_dict: weights in place of the network's, e.g. a moving average of them; the same names.

    Raises:
        OSError: the file cannot be written.
    """
    metadata = {
        'format': FORMAT,
        'basenet': basenet,
        'backbone_options': backbones.plain_options(basenet, backbone_options),
        'metas': [meta.to_dict() for meta in network.metas],
        'epoch': epoch,
        'version': version.version(),
        'training': {'resample': 'linear', **(training or {})},
        **({'imported': dict(imported)} if imported else {}),
    }
    tensors = network.state_dict() if state_dict is None else state_dict
    tensors = {name: tensor.detach().to('cpu', copy=True).contiguous() for name, tensor in tensors.items()}
    write_tensors(path, tensors, metadata={_KEY: json.dumps(metadata)})


def write_tensors(path: str | os.PathLike[str], tensors: dict[str, Tensor], *, metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all.

    Raises:
        OSError: the file cannot be written, e.g. because the disk is full.
    """
    with atomic_path(path) as temporary:
        try:
            safetensors.torch.save_file(tensors, temporary, metadata=metadata)
        except safetensors.SafetensorError as error:
            raise OSError(f'{path} cannot be written: {error}') from error


def load(path: str | os.PathLike[str], device: str | torch.device = 'cpu', *, progress: bool = True) -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: a file of ours or of OpenPifPaf, whatever its name, an address such as ``s3://...`` that a plugin reads
            (`readers`), or the name of one that OpenPifPaf published.
        device: where the network goes.
        progress: show a bar while a published one is downloaded.

    Raises:
        ValueError: no such file, no checkpoint, or a damaged one; the message says what to do.
        OSError: the file cannot be read.
    """
    if not readers.is_remote(path):
        return _load(_file(path, progress=progress), device)
    with readers.local_file(path) as copy:
        try:
            return _load(copy, device)
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy), str(path))) from error


def _load(path: Path, device: str | torch.device) -> Checkpoint:
    if openpifpaf.is_archive(path):
        tensors, imported = openpifpaf.read(path)
        metadata = {'format': FORMAT, 'version': version.version(), **imported}
    else:
        tensors, metadata = _read(path, device)
    try:
        net = _assembled(tensors, metadata)
        epoch = int(metadata['epoch'])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f'it lacks {error}' if isinstance(error, KeyError) else ' '.join(str(error).split())
        raise ValueError(f'checkpoint {path} cannot be used: {reason}. Take another checkpoint') from error
    return Checkpoint(net.to(device).eval(), metadata['basenet'], epoch, metadata)


def start(
    options: NetworkOptions,
    metas: Sequence[HeadMeta],
    *,
    backbone_options: Mapping[str, Any] | None = None,
    device: str | torch.device = 'cpu',
) -> Checkpoint:
    """The network that a training starts from: a checkpoint's, with the heads asked for, or a new one at epoch 0.

    Raises:
        ValueError: neither a checkpoint nor a backbone is named, they contradict each other, or two data sets share
            their name.
    """
    names = [f'{meta.dataset}.{meta.name}' for meta in metas]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two data sets have a head '{name}'. Give each declared data set a name of its own")
    if options.checkpoint is None:
        if options.basenet is None:
            raise ValueError('no network to train. Give --basenet, e.g. --basenet=shufflenetv2k16, or --checkpoint')
        net = create(options.basenet, metas, backbone_options=backbone_options, dropout=options.cf4_dropout)
        plain = backbones.plain_options(options.basenet, backbone_options)
        return Checkpoint(net.to(device), options.basenet, 0, {'backbone_options': plain})
    loaded = load(options.checkpoint, device, progress=options.download_progress)
    if options.basenet not in (None, loaded.basenet):
        raise ValueError(
            f'--checkpoint={options.checkpoint} is a {loaded.basenet}, --basenet={options.basenet} is not. Remove one'
        )
    loaded.network = consolidated(
        loaded.network, metas, strategy=options.head_consolidation, dropout=options.cf4_dropout
    )
    return loaded


def _file(path: str | os.PathLike[str], *, progress: bool) -> Path:
    if not Path(path).is_file():
        if published.is_name(str(path)):
            return published.file(str(path), progress=progress)
        raise ValueError(
            f'there is no checkpoint {path}. Check the path, or name a published one, e.g. shufflenetv2k16'
        )
    return Path(path)


def _read(path: Path, device: str | torch.device) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, framework='pt', device=str(device)) as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except safetensors.SafetensorError as error:
        problem = 'is cut short' if 'not fully covered' in str(error) else 'is no safetensors file'
        raise ValueError(f'checkpoint {path} {problem} ({error}). Copy it again, or take another') from error
    if text is None:
        raise ValueError(f"{path} holds weights but no '{_KEY}' metadata. Take a checkpoint that pifpaf train wrote")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'the metadata of {path} is no JSON ({error}). Take another checkpoint') from error
    return tensors, metadata


def _assembled(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> Network:
    if metadata.get('format') != FORMAT:
        raise ValueError(f'it has format {metadata.get("format")} and this pifpaf-core reads {FORMAT}')
    metas = [head_meta_from_dict(data) for data in metadata['metas']]
    for index, meta in enumerate(metas):
        _check_head(tensors[f'head_nets.{index}.conv.weight'], meta)
    net = create(metadata['basenet'], metas, backbone_options=metadata['backbone_options'], pretrain=False)
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(f'its weights do not fit a {metadata["basenet"]} with these heads: {lines[0]}') from error
    return net


def _check_head(weight: Tensor, meta: HeadMeta) -> None:
    """Before the head is built, so that a wrong meta cannot ask for all memory there is."""
    expected = meta.n_fields * meta.prediction.n_components * meta.upsample**2
    if weight.shape[0] != expected:
        raise ValueError(f"head '{meta.name}' has {weight.shape[0]} channels where its meta says {expected}")

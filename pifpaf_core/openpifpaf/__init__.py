"""Reading OpenPifPaf's checkpoints (0.11 to 0.13), which are pickled networks, without running what is in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import backbones
from . import architecture, fields
from .archive import Archive, is_archive, plain
from .stand_ins import StandIn

__all__ = ['is_archive', 'read']


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and description of the checkpoint at ``path``, in the form of our own.

    Returns:
        State dict, and {``basenet``, ``backbone_options``, ``metas``, ``epoch``, ``training``, ``imported``}, where
        ``imported`` holds what is known of the origin: ``file``, ``version`` and ``args``, the recorded arguments.

    Raises:
        ValueError: the file is damaged, is no checkpoint of OpenPifPaf, names things that no checkpoint needs, or holds
            a network that is not supported.
    """
    try:
        return _converted(Archive(path), path.name)
    except RecursionError as error:
        raise ValueError(f'{path} cannot be imported: it is nested too deeply. Take another file') from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:  # the latter: stand-ins of odd shape
        reason = str(error) if isinstance(error, ValueError) else f'{type(error).__name__}: {error}'
        raise ValueError(f'{path} cannot be imported: {reason}. Take another file') from error


def _converted(archive: Archive, file: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    match archive.content:
        case {'model': StandIn() as model, 'epoch': int() as epoch}:
            model = model.get('_modules', {}).get('module', model)  # of a DataParallel
        case _:
            raise ValueError('it holds no network of OpenPifPaf')
    about = archive.content.get('meta')
    about = about if isinstance(about, Mapping) else {}
    arguments = plain(about.get('args')) or {}

    parts = model.get('_modules')
    heads = list(parts['head_nets'].get('_modules').values())
    basenet, options = architecture.identify(parts['base_net'], arguments)
    backbone = backbones.build(basenet, options, pretrain=False)
    metas = fields.metas(heads, dataset=str(arguments.get('dataset') or 'cocokp'))

    tensors = {f'base_net.{k}': v for k, v in architecture.weights(parts['base_net'], archive, backbone).items()}
    for index, (head, meta) in enumerate(zip(heads, metas, strict=True)):
        tensors |= {f'head_nets.{index}.{k}': v for k, v in fields.weights(head, archive, meta).items()}
    metadata = {
        'basenet': basenet,
        'backbone_options': backbones.plain_options(basenet, options),
        'metas': [meta.bound(index, backbone.stride).to_dict() for index, meta in enumerate(metas)],
        'epoch': epoch,
        'training': {'resample': 'linear'},
        'imported': {'file': file, 'version': plain(about.get('version')), 'args': arguments},
    }
    return tensors, metadata

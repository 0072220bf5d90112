"""Losses and their gradients against `losses.npz`, with the recorded options and the total of several heads."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.parity.case import Case
from pifpaf_core.headmeta import Caf, Cif, CifDet, HeadMeta
from pifpaf_core.losses import CompositeLoss, LossOptions, MultiHeadLoss
from pifpaf_core.losses.balance import KendallBalance
from pifpaf_core.skeletons import Skeleton, skeleton_from_tables

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

FILE = 'losses'
LOSS_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
HEADS = ('cif', 'caf')  # of the total
EXPECTED = (
    *('cif/losses', 'cif/losses_gamma0.0', 'cif/losses_gamma2.0', 'cif/losses_bscale10', 'caf/losses', 'cifdet/losses'),
    *(f'{head}/grad{i}' for head, n in (('cif', 3), ('caf', 3), ('cifdet', 2)) for i in range(n)),
    *('multi/total', 'multi/kendall_total'),
)


def cases(folder: Path) -> Iterator[Case]:
    """Compare all losses and gradients of `losses.npz` in ``folder``."""
    path = folder / f'{FILE}.npz'
    if not path.is_file():
        yield Case.absent(FILE)
        return
    with np.load(path) as arrays:
        interesting = re.compile(r'.*/(losses(_(gamma|bscale)[\d.]+)?|grad\d+|total|kendall_total)$')
        for key in sorted({*EXPECTED, *filter(interesting.match, arrays)}):
            name = f'{FILE}/{key}'
            yield Case.attempted(name, partial(_compare, arrays, key)) if key in arrays else Case.absent(name)


def _compare(arrays: Arrays, key: str) -> Case:
    head, _, kind = key.rpartition('/')
    if kind in ('total', 'kendall_total'):
        return _compare_total(arrays, key, head, kendall=kind == 'kendall_total')
    meta = _meta(arrays, head)
    loss = CompositeLoss(meta, _options(kind))
    if loss.field_names != (names := arrays[f'{head}/names'].tolist()):
        return Case.failed(f'{FILE}/{key}', f'components {loss.field_names}, recorded {names}')
    x = torch.tensor(arrays[f'{head}/x'], requires_grad=True)
    components = loss(x, torch.tensor(arrays[f'{head}/t']))
    if not kind.startswith('grad'):
        return _compare_sums(key, components.detach().numpy(), arrays[key])
    gradient = torch.autograd.grad(components[int(kind.removeprefix('grad'))], x)[0].numpy()
    return Case.compared(f'{FILE}/{key}', gradient, arrays[key], tolerance=GRADIENT_TOLERANCE, relative_to_largest=True)


def _compare_total(arrays: Arrays, key: str, case: str, *, kendall: bool) -> Case:
    missing = [f'{head}/{part}' for head in HEADS for part in 'xt' if f'{head}/{part}' not in arrays]
    if missing:
        return Case.failed(f'{FILE}/{key}', f'{", ".join(missing)} absent, which the total is made of')
    loss = MultiHeadLoss([_meta(arrays, head) for head in HEADS], LossOptions(auto_tune_mtl=kendall))
    if isinstance(loss.balance, KendallBalance):
        loss.balance.log_sigmas.data.copy_(torch.tensor(arrays[f'{case}/kendall_log_sigmas']))
    raws, targets = ([torch.tensor(arrays[f'{head}/{part}']) for head in HEADS] for part in 'xt')
    total, _ = loss(raws, targets)
    return _compare_sums(key, total.detach().numpy(), arrays[key])


def _compare_sums(key: str, ours: Array, recorded: Array) -> Case:
    """Each sum is compared relative to itself."""
    size = np.where(recorded == 0.0, 1.0, np.abs(recorded))
    return Case.compared(f'{FILE}/{key}', ours / size, recorded / size, tolerance=LOSS_TOLERANCE)


def _options(kind: str) -> LossOptions:
    if kind.startswith('losses_gamma'):
        return LossOptions(focal_gamma=float(kind.removeprefix('losses_gamma')))
    if kind.startswith('losses_bscale'):
        return LossOptions(b_scale=float(kind.removeprefix('losses_bscale')))
    return LossOptions()


def _meta(arrays: Arrays, head: str) -> HeadMeta:
    """A head with the recorded numbers of fields and components; what the fields are does not matter here."""
    dataset, name, _ = str(arrays[f'{head}/names'][0]).split('.')
    n_fields, n_components = arrays[f'{head}/x'].shape[1:3]
    if n_components == Cif.prediction.n_components:
        return Cif(name=name, dataset=dataset, skeleton=_chain(n_fields))
    if n_components == Caf.prediction.n_components:
        return Caf(name=name, dataset=dataset, skeleton=_chain(n_fields + 1))
    return CifDet(name=name, dataset=dataset, categories=tuple(str(i) for i in range(n_fields)))


def _chain(n_keypoints: int) -> Skeleton:
    return skeleton_from_tables(
        [(str(i), 0.1, (float(i), float(i % 2))) for i in range(n_keypoints)],
        [(i, i + 1) for i in range(1, n_keypoints)],
    )

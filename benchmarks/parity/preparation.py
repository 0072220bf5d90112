"""Learning rates and prepared images against `schedule_preprocess.npz`."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.parity.case import Case
from pifpaf_core.annotation import GroundTruth
from pifpaf_core.network import create
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.training.schedule import ScheduleOptions, multiplier
from pifpaf_core.transforms import Preprocess
from pifpaf_core.transforms.geometry import map_truth, rotation
from pifpaf_core.transforms.placement import Placement
from pifpaf_core.transforms.warp import warp

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

FILE = 'schedule_preprocess'
ABS = ('', '_kp', '_bbox', '_offset', '_scale', '_valid_area')
EXPECTED = (
    'lr',
    *(f'abs{edge}{part}' for edge in ('641', '385') for part in ABS),
    *(f'{move}{part}' for move in ('hflip', 'rot180') for part in ('', '_kp', '_bbox', '_valid_area')),
    *(f'rot{angle}{part}' for angle in (90, 270) for part in ('_kp', '_bbox', '_valid_area')),
    'eval_tensor',
)  # fmt: skip
SCHEDULE = ScheduleOptions(
    lr_decay=(3000, 3200), lr_decay_factor=0.1, lr_decay_epochs=100, lr_warm_up_start_epoch=5, lr_warm_up_epochs=10,
    lr_warm_up_factor=0.001, lr_warm_restarts=(200,), lr_warm_restart_duration=5,
)  # fmt: skip
"""The recorded options, an epoch being one batch."""


def cases(folder: Path) -> Iterator[Case]:
    """Compare the schedule and all ways to prepare an image of `schedule_preprocess.npz` in ``folder``."""
    path = folder / f'{FILE}.npz'
    if not path.is_file():
        yield Case.absent(FILE)
        return
    with np.load(path) as arrays:
        moves = re.compile(r'(abs\d+|hflip|rot180)(_\w+)?$|rot(90|270)_\w+$|lr$|eval_tensor$')
        for key in sorted({*EXPECTED, *filter(moves.match, arrays)}):
            name = f'{FILE}/{key}'
            yield Case.attempted(name, partial(_compare, arrays, key)) if key in arrays else Case.absent(name)


def _compare(arrays: Arrays, key: str) -> Case:
    name = f'{FILE}/{key}'
    if key == 'lr':
        ours = np.array([multiplier(SCHEDULE, int(step), batches_per_epoch=1) for step in arrays['lr_steps']])
        return Case.compared(name, ours, arrays[key], tolerance=1e-9)
    if key == 'eval_tensor':
        image = torch.from_numpy(arrays['img'].transpose(2, 0, 1).copy())[None]
        return Case.compared(
            name, create('squeezenet', [], pretrain=False).normalize(image)[0].numpy(), arrays[key], tolerance=1e-5
        )
    move, _, part = key.partition('_')
    prepared = _abs if move.startswith('abs') else _moved
    ours = prepared(arrays['img'], move)[part]()
    if not part:  # a grey level for what is rounded
        return Case.compared(name, ours / 255.0, arrays[key] / 255.0, tolerance=1.001 / 255.0)
    return Case.compared(name, ours, arrays[key], tolerance=1e-4)


def _person() -> GroundTruth:
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, 0] = (100, 50, 2)
    return GroundTruth(keypoints, np.array([[10.0, 20.0, 100.0, 200.0]]), np.zeros(1, bool), np.ones(1, np.int64))


def _abs(image: Array, move: str) -> dict[str, Callable[[], Array]]:
    """Rescaled to a long edge and padded tightly. Keypoints that are not labelled may lie anywhere."""
    sample = Preprocess(int(move.removeprefix('abs')))(image, _person())
    meta = sample.meta
    return {
        '': lambda: sample.image,
        'kp': lambda: sample.truth.keypoints[0],
        'bbox': lambda: sample.truth.boxes[0],
        'offset': lambda: -meta.matrix[:2, 2],
        'scale': lambda: np.diag(meta.matrix)[:2],
        'valid_area': lambda: meta.valid_area,
    }


def _moved(image: Array, move: str) -> dict[str, Callable[[], Array]]:
    """Mirrored or turned, in the image's own size."""
    size = (image.shape[1], image.shape[0])
    start = Placement.of(size)
    if move == 'hflip':
        placement = start.flipped()
        truth = map_truth(placement.matrix, _person(), mirror=COCO_PERSON.mirror)
    else:
        placement = start.then(rotation(float(move.removeprefix('rot')), size, size), size)
        truth = map_truth(placement.matrix, _person())
    return {
        '': lambda: warp(image, placement.matrix, size),
        'kp': lambda: truth.keypoints[0],
        'bbox': lambda: truth.boxes[0],
        'valid_area': lambda: placement.valid_area,
    }

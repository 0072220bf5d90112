"""Target fields against `encoder_targets.npz`: every person case at every stride, instance scales, boxes."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.parity.case import Case
from pifpaf_core.annotation import GroundTruth
from pifpaf_core.encoders import encode
from pifpaf_core.encoders.cifdet import SIDE
from pifpaf_core.encoders.people import instance_scales
from pifpaf_core.headmeta import Caf, Cif, CifDet, HeadMeta
from pifpaf_core.skeletons import Skeleton
from pifpaf_core.skeletons.animal import ANIMAL
from pifpaf_core.skeletons.apollo import CAR_24, CAR_66
from pifpaf_core.skeletons.cocokp import COCO_PERSON
from pifpaf_core.skeletons.crowdpose import CROWDPOSE_PERSON
from pifpaf_core.skeletons.wholebody import WHOLEBODY

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

FILE = 'encoder_targets'
TOLERANCE = 1e-5  # cells: float32 rounding of coordinates of a hundred cells
SKELETONS = {len(s.keypoints): s for s in (COCO_PERSON, CROWDPOSE_PERSON, ANIMAL, WHOLEBODY, CAR_24, CAR_66)}
EXPECTED = (
    *(f'{case}/s{stride}/{head}' for case in ('n1', 'n5', 'special') for stride in (8, 16) for head in ('cif', 'caf')),
    *(f'{case}/s8/caf25' for case in ('n1', 'n5', 'special')),
    *(f'{case}/scales_s{stride}' for case in ('n1', 'n5', 'special') for stride in (8, 16)),
    'det/s8/cifdet',
)


def cases(folder: Path) -> Iterator[Case]:
    """Compare all targets of `encoder_targets.npz` in ``folder``, whatever their cases, sizes and numbers of people."""
    path = folder / f'{FILE}.npz'
    if not path.is_file():
        yield Case.absent(FILE)
        return
    with np.load(path) as arrays:
        for key in sorted({*EXPECTED, *filter(re.compile(r'.*/(s\d+/\w+|scales_s\d+)$').match, arrays)}):
            name = f'{FILE}/{key}'
            yield Case.attempted(name, partial(_compare, arrays, key)) if key in arrays else Case.absent(name)


def _compare(arrays: Arrays, key: str) -> Case:
    match = re.fullmatch(r'(?P<case>.*)/(?:scales_s(?P<scales>\d+)|s(?P<stride>\d+)/(?P<head>\w+))', key)
    assert match is not None
    case, recorded = match['case'], arrays[key]
    if match['head'] == 'cifdet':
        return _compare_boxes(arrays, case, int(match['stride']), recorded)
    keypoints = arrays[f'{case}/keypoints'].astype(np.float64)
    skeleton = SKELETONS.get(keypoints.shape[1])
    if skeleton is None:
        return Case.failed(f'{FILE}/{key}', f'no skeleton has {keypoints.shape[1]} keypoints')
    if match['scales']:
        return _compare_scales(keypoints, skeleton, arrays[f'{case}/iscrowd'], int(match['scales']), key, recorded)
    meta = _head(match['head'], skeleton)
    if meta is None:
        return Case.failed(f'{FILE}/{key}', f"no head is called '{match['head']}'")
    truth = GroundTruth(
        keypoints,
        arrays[f'{case}/bbox'].astype(np.float64),
        arrays[f'{case}/iscrowd'].astype(np.bool_),
        np.ones(len(keypoints), np.int64),
    )
    ours = _encode(meta, truth, int(match['stride']), recorded, arrays.get(f'{case}/valid_area'))
    return Case.compared(f'{FILE}/{key}', ours, recorded, tolerance=TOLERANCE)


def _head(name: str, skeleton: Skeleton) -> HeadMeta | None:
    if name == 'cif':
        return Cif(name=name, dataset='parity', skeleton=skeleton)
    if name in ('caf', 'caf25'):
        return Caf(name=name, dataset='parity', skeleton=skeleton, dense=name == 'caf25')
    return None


def _encode(meta: HeadMeta, truth: GroundTruth, stride: int, recorded: Array, valid_area: Array | None) -> Array:
    """Encode for the smallest image that has fields of the recorded size."""
    height, width = recorded.shape[-2:]
    return encode(
        meta.bound(0, stride), truth, size=((width - 1) * stride + 1, (height - 1) * stride + 1), valid_area=valid_area
    )


def _compare_scales(keypoints: Array, skeleton: Skeleton, crowd: Array, stride: int, key: str, recorded: Array) -> Case:
    """Instance scales before suppression; crowds have none."""
    cells = keypoints / np.array([stride, stride, 1.0])
    cells[crowd.astype(np.bool_)] = 0.0
    return Case.compared(f'{FILE}/{key}', instance_scales(cells, skeleton), recorded, tolerance=TOLERANCE)


def _compare_boxes(arrays: Arrays, case: str, stride: int, recorded: Array) -> Case:
    boxes, crowd = arrays[f'{case}/bbox'].astype(np.float64), arrays[f'{case}/iscrowd'].astype(np.bool_)
    categories = arrays[f'{case}/category_id'].astype(np.int64)
    names = tuple(str(i + 1) for i in range(len(recorded)))
    truth = GroundTruth(np.zeros((len(boxes), 0, 3)), boxes, crowd, categories)
    ours = _encode(
        CifDet(name='cifdet', dataset='parity', categories=names),
        truth,
        stride,
        recorded,
        arrays.get(f'{case}/valid_area'),
    )
    excluded = _wrongly_masked(boxes[crowd] / stride, categories[crowd] - 1, recorded.shape)
    return Case.compared(f'{FILE}/{case}/s{stride}/cifdet', ours, recorded, tolerance=TOLERANCE, excluded=excluded)


def _wrongly_masked(boxes: Array, fields: Array, shape: tuple[int, ...]) -> Array:
    """Confidences [F, T, H, W] where the recorded crowd mask is wrong: clipped to F rows and H columns (FIELDS 7)."""
    n_fields, _, height, width = shape
    wrong = np.zeros(shape, np.bool_)
    for box, field in zip(boxes, fields, strict=True):
        right_mask, recorded_mask = np.zeros((2, height, width), np.bool_)
        for mask, n_rows, n_columns in ((right_mask, height, width), (recorded_mask, n_fields, height)):
            mask[_covered(box[1], box[3], n_rows), _covered(box[0], box[2], n_columns)] = True
        wrong[field, CifDet.target.confidence] |= right_mask != recorded_mask
    return wrong


def _covered(start: float, length: float, n_cells: int) -> slice:
    margin = (SIDE - 1) / 2.0
    first = int(np.clip(int(start - margin), 0, n_cells - 1))
    return slice(first, int(np.clip(int(np.ceil(start + length + margin)) + 1, first + 1, n_cells)))

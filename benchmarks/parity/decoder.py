"""Poses and boxes against `decoder.npz` and `trained/*.npz`: annotations, scores, JSON records, what decoders see.

Cases named ``noise0`` have many equal confidences, whose order is undefined: only their numbers of poses are compared.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.parity.case import Case
from benchmarks.parity.encoders import SKELETONS
from pifpaf_core.annotation import Annotation, Pose
from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.decoders.candidates import Lists, make_lists, table
from pifpaf_core.decoders.cells import channels_of
from pifpaf_core.decoders.cifcaf import CifCaf
from pifpaf_core.decoders.cifdet import CifDetDecoder
from pifpaf_core.decoders.connection import connect
from pifpaf_core.decoders.inspection import inspect
from pifpaf_core.decoders.posing import look
from pifpaf_core.headmeta import Caf, Cif, CifDet

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

FILE = 'decoder'
TOLERANCE_PIXELS = 0.01
TOLERANCE_CONFIDENCE = 1e-4
EXPECTED = tuple(f's{s}/n{n}/noise{i}' for s, n in ((8, 1), (8, 5), (16, 1), (16, 20)) for i in (0, 1))


def cases(folder: Path) -> Iterator[Case]:
    """Compare all cases of `decoder.npz` and of the files in `trained`, whatever their names and sizes."""
    yield from _recorded(folder / f'{FILE}.npz')
    trained = sorted((folder / 'trained').glob('*.npz'))
    if not trained:
        yield Case.absent('trained')
    for path in trained:
        with np.load(path) as arrays:
            yield from _poses(f'trained/{path.stem}', arrays, int(arrays['stride']))


def _recorded(path: Path) -> Iterator[Case]:
    if not path.is_file():
        yield Case.absent(FILE)
        return
    with np.load(path) as arrays:
        found = {key.removesuffix('/cif') for key in arrays if key.endswith('/cif')}
        for prefix in sorted({*EXPECTED, *found}):
            if prefix not in found:
                yield Case.absent(f'{FILE}/{prefix}')
                continue
            part = {key.removeprefix(f'{prefix}/'): arrays[key] for key in arrays if key.startswith(f'{prefix}/')}
            yield from _poses(f'{FILE}/{prefix}', part, _stride(prefix))
        boxes = sorted(key.removesuffix('/field') for key in arrays if key.endswith('/field'))
        if not boxes:
            yield Case.absent(f'{FILE}/cifdet')
        for prefix in boxes:
            part = {key.removeprefix(f'{prefix}/'): arrays[key] for key in arrays if key.startswith(f'{prefix}/')}
            yield from _boxes(f'{FILE}/{prefix}', part, _stride(prefix))


def _stride(prefix: str) -> int:
    """Pixels a cell, from a name like ``s16/n20/noise1``; 8 where it says nothing."""
    match = re.search(r'(?:^|/)s(\d+)(?:/|$)', prefix)
    return int(match[1]) if match else 8


def _poses(name: str, arrays: Arrays, stride: int) -> Iterator[Case]:
    """All that was recorded of one pair of fields."""
    cif, caf = arrays['cif'], arrays['caf']
    skeleton = SKELETONS.get(len(cif))
    if skeleton is None or len(skeleton.connections) != len(caf):
        yield Case.failed(name, f'no skeleton has {len(cif)} keypoints and {len(caf)} connections')
        return
    heads = (
        Cif(name='cif', dataset='parity', skeleton=skeleton).bound(0, stride),
        Caf(name='caf', dataset='parity', skeleton=skeleton).bound(1, stride),
    )
    for complete in (0, 1):
        decoder = CifCaf(*heads, options=DecoderOptions(force_complete_pose=bool(complete)))  # type: ignore[arg-type]
        if f'ann_fc{complete}' in arrays:
            yield from _annotations(name, arrays, decoder, complete)
    if 'noise0' not in name:
        yield from _intermediates(name, arrays, *heads)  # type: ignore[arg-type]


def _annotations(name: str, arrays: Arrays, decoder: CifCaf, complete: int) -> Iterator[Case]:
    recorded = arrays[f'ann_fc{complete}']
    poses = decoder([arrays['cif'], arrays['caf']])
    difference = abs(len(poses) - len(recorded))
    yield Case(f'{name}/ann_fc{complete}/number', float(difference), 0.0, difference == 0)
    if 'noise0' in name or difference:
        return
    yield from _compare_poses(f'{name}/ann_fc{complete}', _array(poses), recorded)
    scores = arrays.get(f'scores_fc{complete}', None if complete else arrays.get('scores'))
    if scores is not None:
        ours = np.array([pose.score for pose in poses])
        yield _absolute(f'{name}/scores_fc{complete}', ours, scores, TOLERANCE_CONFIDENCE)
    for key, ours_in in (('json', poses), ('json_input_px', poses), ('json_original_px', _original(poses, arrays))):
        record = arrays.get(f'{key}_fc{complete}', None if complete else arrays.get(key))
        if record is not None:
            yield _compare_json(f'{name}/{key}_fc{complete}', ours_in, json.loads(str(record)))


def _array(poses: list[Annotation]) -> Array:
    """[P, K, 4] v, x, y, s."""
    rows = [np.c_[p.keypoints[:, 2], p.keypoints[:, :2], p.scales] for p in poses if isinstance(p, Pose)]
    return np.stack(rows) if rows else np.zeros((0, 1, 4))


def _compare_poses(name: str, ours: Array, recorded: Array) -> Iterator[Case]:
    if not len(recorded):
        return
    yield _absolute(f'{name}/confidence', ours[..., 0], recorded[..., 0], TOLERANCE_CONFIDENCE)
    yield _absolute(f'{name}/pixels', ours[..., 1:], recorded[..., 1:], TOLERANCE_PIXELS)


def _absolute(name: str, ours: Array, recorded: Array, tolerance: float) -> Case:
    """Largest difference, not relative to the size: pixels are pixels."""
    if ours.shape != recorded.shape:
        return Case.failed(name, f'shape {list(ours.shape)}, recorded {list(recorded.shape)}')
    difference = float(np.max(np.abs(ours.astype(np.float64) - recorded.astype(np.float64)), initial=0.0))
    return Case(name, difference, tolerance, difference <= tolerance)


def _original(poses: list[Annotation], arrays: Arrays) -> list[Annotation]:
    """The poses in the pixels of the file, if it is known how the network's input was made of it."""
    if 'meta_scale' not in arrays:
        return poses
    matrix = np.diag([*arrays['meta_scale'], 1.0])
    matrix[:2, 2] = -arrays['meta_offset']
    return [pose.inverse(matrix) for pose in poses]


def _compare_json(name: str, ours: list[Annotation], recorded: list[dict[str, Any]]) -> Case:
    """Records in units of their last digit; a number on the edge may be rounded to the other side."""
    if len(ours) != len(recorded):
        return Case.failed(name, f'{len(ours)} records, recorded {len(recorded)}')
    worst = 0.0
    for a, b in zip((annotation.to_coco() for annotation in ours), recorded, strict=True):
        if a['category_id'] != b['category_id']:
            return Case.failed(name, f'category {a["category_id"]}, recorded {b["category_id"]}')
        found = np.repeat(np.array(b.get('keypoints', []), np.float64)[2::3] > 0.0, 3)
        worst = max(
            worst,
            abs(a['score'] - b['score']) / 0.001,
            *(np.abs(np.subtract(a['bbox'], b['bbox'])) / 0.01),
            *(np.abs(np.subtract(a.get('keypoints', []), b.get('keypoints', [])))[found] / 0.01),
        )
    return Case(name, float(worst), 1.001, worst <= 1.001, 'in units of the last digit')


def _intermediates(name: str, arrays: Arrays, cif: Cif, caf: Caf) -> Iterator[Case]:
    """Map, seeds, candidates, greedy growing, single connections."""
    fields = [arrays['cif'], arrays['caf']]
    decoder = CifCaf(cif, caf, options=DecoderOptions())
    seen = inspect(decoder, fields)
    if 'cifhr' in arrays:
        yield _absolute(f'{name}/cifhr', seen.maps[0], arrays['cifhr'], TOLERANCE_CONFIDENCE)
    if 'seeds_vxys' in arrays:
        yield _absolute(
            f'{name}/seeds/confidence', seen.seed_confidences, arrays['seeds_vxys'][:, 0], TOLERANCE_CONFIDENCE
        )
        ours, recorded = np.c_[seen.seed_fields, seen.seed_xy], np.c_[arrays['seeds_f'], arrays['seeds_vxys'][:, 1:3]]
        yield _absolute(f'{name}/seeds/pixels', _sorted(ours), _sorted(recorded), TOLERANCE_PIXELS)
    yield from _candidates(name, arrays, decoder, fields)
    if 'ann_greedy' in arrays:
        greedy = CifCaf(cif, caf, options=DecoderOptions(greedy=True))
        yield from _compare_poses(f'{name}/ann_greedy', _array(greedy(fields)), arrays['ann_greedy'])


def _candidates(name: str, arrays: Arrays, decoder: CifCaf, fields: list[Array]) -> Iterator[Case]:
    keys = sorted(key for key in arrays if re.fullmatch(r'caf_(fwd|bwd)\d+|grow_caf\d+_onlymax[01]_xysv', key))
    if not keys:
        return
    with decoder.workplace(fields) as (cif, around, memory):
        look(cif, channels_of(Cif), decoder.cif.stride, decoder.rules.thresholds, around, memory.cells, memory.seeds)
        for connection in range(len(around.association.ends)):
            make_lists(around.candidates, connection, around.association.threshold, around.hr)
        for key in keys:
            compare = _compare_connection if key.startswith('grow') else _compare_list
            yield from compare(f'{name}/{key}', key, arrays, around.candidates.lists)


def _compare_list(name: str, key: str, arrays: Arrays, lists: Lists) -> Iterator[Case]:
    """Candidates in any order. Recorded are confidence, x, y from, x, y to, size there, and size where they start."""
    ours = table(lists, 2 * int(key[7:]) + (key[4:7] == 'bwd'))
    if len(ours) != len(arrays[key]):
        yield Case.failed(name, f'{len(ours)} candidates, recorded {len(arrays[key])}')
        return
    ours, recorded = _sorted(ours[:, [1, 2, 3, 4, 5, 0]]), _sorted(arrays[key][:, [1, 2, 3, 4, 6, 0]])
    yield _absolute(f'{name}/confidence', ours[:, 5], recorded[:, 5], TOLERANCE_CONFIDENCE)
    yield _absolute(f'{name}/pixels', ours[:, :5], recorded[:, :5], TOLERANCE_PIXELS)


def _compare_connection(name: str, key: str, arrays: Arrays, lists: Lists) -> Iterator[Case]:
    """One connection followed forwards, by the best candidate alone or by a blend of two."""
    match = re.fullmatch(r'grow_caf(\d+)_onlymax([01])_xysv', key)
    assert match is not None
    x, y, size = arrays['grow_query_xys']
    ours = connect(lists, 2 * int(match[1]), x, y, size, DecoderOptions().caf_th, 1.0, match[2] == '0')
    recorded = arrays[key]
    yield _absolute(f'{name}/confidence', np.array(ours[:1]), recorded[3:], TOLERANCE_CONFIDENCE)
    yield _absolute(f'{name}/pixels', np.array(ours[1:]), recorded[:3], TOLERANCE_PIXELS)


def _sorted(rows: Array) -> Array:
    """Rows in lexicographic order."""
    return rows[np.lexsort(rows.T[::-1])]


def _boxes(name: str, arrays: Arrays, stride: int) -> Iterator[Case]:
    field = arrays['field']
    meta = CifDet(name='cifdet', dataset='parity', categories=tuple(str(i + 1) for i in range(len(field))))
    decoder = CifDetDecoder(meta.bound(0, stride), options=DecoderOptions())  # type: ignore[arg-type]
    if 'raw_boxes_xyxy' in arrays:
        boxes, scores, categories = decoder.candidates([field])
        yield _absolute(f'{name}/raw_boxes_xyxy', boxes, arrays['raw_boxes_xyxy'], TOLERANCE_PIXELS)
        yield _absolute(f'{name}/raw_scores', scores, arrays['raw_scores'], TOLERANCE_CONFIDENCE)
        yield _absolute(f'{name}/raw_categories', categories + 1, arrays['raw_categories'], 0.0)
    if 'json' in arrays:
        yield _compare_json(f'{name}/json', decoder([field]), json.loads(str(arrays['json'])))

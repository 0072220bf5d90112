"""Heads as stand-ins describe them: their metas as ours, their weights in the order of our layout (FIELDS 2)."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ..headmeta import Caf, Cif, CifDet, HeadMeta
from ..skeletons import Skeleton, skeleton_from_tables
from ..skeletons.animal import ANIMAL
from ..skeletons.apollo import CAR_24, CAR_66
from ..skeletons.cocokp import COCO_PERSON
from ..skeletons.crowdpose import CROWDPOSE_PERSON
from ..skeletons.wholebody import WHOLEBODY
from .archive import Archive, plain
from .modules import state
from .stand_ins import StandIn

LOG = logging.getLogger(__name__)

_KNOWN = {s.names: s for s in (COCO_PERSON, CROWDPOSE_PERSON, ANIMAL, WHOLEBODY, CAR_24, CAR_66)}
_UNUSED = ('decoder_seed_mask', 'decoder_confidence_scales')


def metas(heads: Sequence[StandIn], *, dataset: str) -> list[HeadMeta]:
    """Metas of pickled heads. Heads of one data set with the same keypoints share one skeleton.

    Args:
        heads: the pickled heads.
        dataset: of heads that do not say theirs.

    Raises:
        ValueError: a head that is not supported.
    """
    described = [_described(head, dataset) for head in heads]
    return [_meta(data, _skeleton(data, described) if 'keypoints' in data else None) for data in described]


def weights(head: StandIn, archive: Archive, meta: HeadMeta) -> dict[str, Tensor]:
    """``conv.weight`` and ``conv.bias`` of a pickled head, in the order of ``meta.prediction``.

    The older head (CompositeField3) predicts a width for each vector, behind the vectors. OpenPifPaf itself shows the
    first of them in the place of the shared log width and drops the others, and so do we: everything that a decoder
    reads is the same. The place means something else in training (a Laplace width, not the logarithm of a variance),
    so the losses of a network that is refined begin higher.

    Raises:
        ValueError: another kind of head, or weights that do not fit.
    """
    entries = state(head)
    if set(entries) != {'conv.weight', 'conv.bias'}:
        raise ValueError(f"head '{meta.name}' has the weights {', '.join(entries)} and not those of one convolution")
    order = _component_order(head.kind, meta)
    n_components = max(order) + 1 if head.kind == 'CompositeField4' else _n_components3(meta)
    repeats = meta.upsample**2
    result = {}
    for name, value in entries.items():
        tensor = archive.tensor(value)
        expected = meta.n_fields * n_components * repeats
        if tensor.ndim < 1 or tensor.shape[0] != expected:
            raise ValueError(
                f"{name} of head '{meta.name}' has shape {list(tensor.shape)}, and {expected} rows are needed"
            )
        by_component = tensor.reshape(meta.n_fields, n_components, repeats, *tensor.shape[1:])
        result[name] = by_component[:, order].reshape(-1, *tensor.shape[1:])
    return result


def _n_components3(meta: HeadMeta) -> int:
    layout = meta.prediction
    return 1 + 3 * len(layout.vectors) + len(layout.scales)


def _component_order(kind: str, meta: HeadMeta) -> list[int]:
    """For each component of ours the index of the pickled head's."""
    layout = meta.prediction
    if kind == 'CompositeField4':
        return list(range(layout.n_components))
    if kind != 'CompositeField3':
        raise ValueError(f"head '{meta.name}' is a {kind}, which is not supported")
    n_vectors, n_scales = len(layout.vectors), len(layout.scales)
    first_width = 1 + 2 * n_vectors
    first_scale = first_width + n_vectors
    return [first_width, *range(first_width), *range(first_scale, first_scale + n_scales)]


def _described(head: StandIn, dataset: str) -> dict[str, Any]:
    """Attributes of a head's meta as plain data."""
    meta = head.get('meta')
    if not isinstance(meta, StandIn) or 'Tcaf' in meta.kind or not head.kind.startswith('CompositeField'):
        raise ValueError(f'it has a head {head.kind}, which is not supported')
    data = {name: plain(value) for name, value in meta.state.items() if value is not None}
    data['dataset'] = data.get('dataset') or dataset
    for name in _UNUSED:
        if any(value != 1 for value in data.get(name) or ()):
            LOG.warning("head '%s' has a %s, which is dropped", data.get('name'), name.replace('_', ' '))
    return data


def _meta(data: Mapping[str, Any], skeleton: Skeleton | None) -> HeadMeta:
    name, dataset, upsample = str(data['name']), str(data['dataset']), int(data.get('upsample_stride', 1))
    training_weights = tuple(float(weight) for weight in data.get('training_weights', ()))
    common: dict[str, Any] = {
        'name': name,
        'dataset': dataset,
        'upsample': upsample,
        'training_weights': training_weights,
    }
    if 'categories' in data:
        return CifDet(categories=tuple(map(str, data['categories'])), **common)
    if skeleton is None:
        raise ValueError(f"head '{name}' has neither keypoints nor categories")
    if 'skeleton' not in data:
        return Cif(skeleton=skeleton, **common)
    radius = float(data.get('dense_to_sparse_radius', 2.0))
    return Caf(skeleton=skeleton, dense=_is_dense(data), dense_to_sparse_radius=radius, **common)


def _is_dense(data: Mapping[str, Any]) -> bool:
    return bool(data.get('sparse_skeleton')) or bool(data.get('only_in_field_of_view'))


def _skeleton(data: Mapping[str, Any], all_heads: Sequence[Mapping[str, Any]]) -> Skeleton:
    """The skeleton of a head, put together from what all heads of its data set say of it."""
    names = tuple(map(str, data['keypoints']))
    heads = [h for h in all_heads if h.get('dataset') == data['dataset'] and h.get('keypoints') == data['keypoints']]
    sparse = [h['skeleton'] for h in heads if 'skeleton' in h and not _is_dense(h)]
    sparse += [h[key] for h in heads for key in ('sparse_skeleton', 'draw_skeleton') if h.get(key)]
    dense = [h['skeleton'] for h in heads if 'skeleton' in h and _is_dense(h)]
    pose = data.get('pose') or [[0.0, 0.0]] * len(names)
    known = _KNOWN.get(names)
    skeleton = skeleton_from_tables(
        [
            (n, float(sigma), (float(xy[0]), float(xy[1])))
            for n, sigma, xy in zip(names, data['sigmas'], pose, strict=True)
        ],
        [(int(a), int(b)) for a, b in (sparse or [[]])[0]],
        dense_connections=[(int(a), int(b)) for a, b in (dense or [[]])[0]],
        mirror={keypoint.name: keypoint.mirror for keypoint in known.keypoints} if known else None,
        score_weights=next((tuple(map(float, h['score_weights'])) for h in heads if h.get('score_weights')), ()),
    )
    return known if known and _differs_only_in_absent_dense(skeleton, known) else skeleton


def _differs_only_in_absent_dense(skeleton: Skeleton, known: Skeleton) -> bool:
    return not skeleton.dense_connections and dataclasses.replace(known, dense_connections=()) == skeleton

"""Inspection: what a decoder sees on its way to poses: map, seeds and associations, as plain arrays for plots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..annotation import Array
from ..headmeta import Cif, HeadMeta
from ..skeletons import Skeleton
from .candidates import Lists, begin, make_lists
from .cells import channels_of, find_cells
from .cifcaf import CifCaf
from .cifhr import dense_map, reserve_all, reserve_places, start_map, vote
from .options import DecoderOptions
from .seeds import collect_seeds, seed_at
from .selection import decoders


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a CifCaf decoder saw of one image (FIELDS section 12).

    Attributes:
        skeleton: of its poses.
        maps: {head: [K, h, w]} the high-resolution map of the Cif head, one value a pixel.
        seed_fields: [S] keypoint of each seed, most confident first.
        seed_confidences: [S].
        seed_xy: [S, 2] in pixels.
        associations: {head: for each connection [N, 5] confidence, x, y from, x, y to}, in pixels, of the Caf heads.
    """

    skeleton: Skeleton
    maps: dict[int, Array]
    seed_fields: Array
    seed_confidences: Array
    seed_xy: Array
    associations: dict[int, list[Array]]


class Inspector:
    """Looks at fields with the eyes of the CifCaf decoders that the options ask for.

    Args:
        metas: heads of the network, bound.
        options: thresholds.

    Raises:
        ValueError: as `decoders` does.
    """

    def __init__(self, metas: Sequence[HeadMeta], options: DecoderOptions) -> None:
        self._decoders = [decoder for decoder in decoders(metas, options) if isinstance(decoder, CifCaf)]

    def __call__(self, fields: Sequence[Array]) -> list[Inspection]:
        """What each decoder sees of one image; ``fields`` as decoders take them."""
        return [inspect(decoder, fields) for decoder in self._decoders]


def inspect(decoder: CifCaf, fields: Sequence[Array]) -> Inspection:
    """The map, the seeds, and the candidates of all connections, followed forwards."""
    with decoder.workplace(fields) as (cif, around, memory):
        thresholds, channels, stride = decoder.rules.thresholds, channels_of(Cif), decoder.cif.stride
        least = min(thresholds.cif, thresholds.seed)
        find_cells(cif, channels.confidence, channels.x, least, memory.cells, 0)
        start_map(around.hr)
        reserve_places(around.hr, cif, channels.x, stride, memory.cells, 0, 0, around.wiring.keypoints)
        begin(around.candidates, around.association, around.hr)
        vote(cif, channels, thresholds.cif, stride, memory.cells, around.hr)
        n = collect_seeds(cif, channels, thresholds.seed, stride, memory.cells, around.hr, memory.seeds)
        found = memory.seeds.records[[seed_at(memory.seeds, k) for k in range(n)]]
        associations = []
        for number in range(0, 2 * len(around.association.ends), 2):
            make_lists(around.candidates, number // 2, around.association, around.hr)
            associations.append(_table(around.candidates.lists, number))
        reserve_all(around.hr)
        vote(cif, channels, thresholds.cif, stride, memory.cells, around.hr)
        return Inspection(
            skeleton=decoder.cif.skeleton,
            maps={_index(decoder.cif): dense_map(around.hr)},
            seed_fields=found['field'].astype(np.int64),
            seed_confidences=found['confidence'],
            seed_xy=np.stack([found['x'], found['y']], axis=1),
            associations=_by_head(decoder, associations),
        )


def _table(lists: Lists, number: int) -> Array:
    """[N, 5] confidence, x, y from, x, y to of a list."""
    n = lists.start[number, lists.bands]
    target = lists.target[number, :n]
    return np.stack([*lists.points[number, :, :n], target['x'], target['y']], axis=1)


def _by_head(decoder: CifCaf, associations: list[Array]) -> dict[int, list[Array]]:
    """Sparse connections come first, those of the dense head behind."""
    sparse = decoder.caf.n_fields
    found = {_index(decoder.caf): associations[:sparse]}
    return found if decoder.dense is None else {**found, _index(decoder.dense): associations[sparse:]}


def _index(meta: HeadMeta) -> int:
    assert meta.index is not None, f"head '{meta.name}' is not bound to a network"
    return meta.index

"""Inspection: what a decoder sees on its way to poses: map, seeds and associations, as plain arrays for plots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..annotation import Array
from ..headmeta import Cif, HeadMeta
from ..skeletons import Skeleton
from .candidates import make_lists, table
from .cells import channels_of
from .cifcaf import CifCaf
from .cifhr import dense_map, reserve_all, vote
from .options import DecoderOptions
from .posing import SPREAD, look
from .seeds import seed_at
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
    stride, thresholds = decoder.cif.stride, decoder.rules.thresholds
    with decoder.workplace(fields) as (cif, around, memory):
        n = look(cif, channels_of(Cif), stride, thresholds, around, memory.cells, memory.seeds)
        found = memory.cells.records[[seed_at(memory.seeds, k) for k in range(n)]]
        associations = []
        for connection in range(len(around.association.ends)):
            make_lists(around.candidates, connection, around.association.threshold, around.hr)
            associations.append(table(around.candidates.lists, 2 * connection)[:, :5])
        reserve_all(around.hr)
        vote(memory.cells, thresholds.cif, SPREAD, around.hr)
        return Inspection(
            skeleton=decoder.cif.skeleton,
            maps={_index(decoder.cif): dense_map(around.hr)},
            seed_fields=found['field'].astype(np.int64),
            seed_confidences=found['score'],
            seed_xy=np.stack([found['x'], found['y']], axis=1),
            associations=_by_head(decoder, associations),
        )


def _by_head(decoder: CifCaf, associations: list[Array]) -> dict[int, list[Array]]:
    """Sparse connections come first, those of the dense head behind."""
    sparse = decoder.caf.n_fields
    found = {_index(decoder.caf): associations[:sparse]}
    return found if decoder.dense is None else {**found, _index(decoder.dense): associations[sparse:]}


def _index(meta: HeadMeta) -> int:
    assert meta.index is not None, f"head '{meta.name}' is not bound to a network"
    return meta.index

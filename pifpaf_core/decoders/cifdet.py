"""CifDet: boxes from a CifDet head (FIELDS section 12, rule 11)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..annotation import Annotation, Array, Box
from ..headmeta import CifDet
from ..kernels import jit_in_place
from .cells import Cells, Channels, Real, cells, channels_of, find_cells
from .cifhr import HighResolution, high_resolution, reserve_places, start_map, vote
from .contract import FieldOf, image_size
from .nms import suppress_boxes
from .occupancy import Occupancy, cells_of, clear, is_occupied, occupancy, occupy
from .options import DecoderOptions
from .pool import Pool
from .seeds import Seeds, collect_seeds, seed_at, seeds

MAX_BOXES = 120  # an image, before suppression
INSTANCE_THRESHOLD = 0.15  # where the options give none
_SPREAD = 0.1  # standard deviation of a cell's votes, as a share of the box's smaller side
_TAKEN = np.float32(0.1)  # half side of the place that a box takes, as a share of its smaller side


class CifDetDecoder:
    """Takes the cells that a CifDet head is surest of as boxes, one a place, and suppresses overlapping ones.

    Args:
        meta: the head, bound.
        options: thresholds.
    """

    name = 'cifdet'

    def __init__(self, meta: CifDet, *, options: DecoderOptions) -> None:
        self._meta = meta
        self._field = FieldOf(meta)
        self._options = options
        threshold = options.instance_threshold
        self._instance_threshold = INSTANCE_THRESHOLD if threshold is None else threshold
        self._pool = Pool(self._memory)

    def __call__(self, fields: Sequence[Array]) -> list[Annotation]:
        """Boxes of one image in pixels of the network's input, most confident seeds first. See `Decoder`."""
        boxes, scores, categories = self.candidates(fields)
        scores = suppress_boxes(boxes, scores, categories)
        return [
            Box(self._meta, np.concatenate([box[:2], box[2:] - box[:2]]), float(score), int(category) + 1)
            for box, score, category in zip(boxes, scores, categories, strict=True)
            if score > self._instance_threshold
        ]

    def candidates(self, fields: Sequence[Array]) -> tuple[Array, Array, Array]:
        """Boxes before suppression, most confident first, at most `MAX_BOXES`.

        Returns:
            [N, 4] float32 x1, y1, x2, y2 in pixels, not clipped; [N] float32 scores; [N] int32 fields.
        """
        field = self._field(fields)
        with self._pool.lend(field.shape[2], field.shape[3]) as memory:
            memory = memory.cut(image_size(field, self._meta.stride))
            thresholds = self._options.cif_th, self._options.seed_threshold
            n = detect(field, channels_of(CifDet), self._meta.stride, *thresholds, memory)
            found = memory.cells.records[memory.found[:n]]
        half = np.stack([found['width'], found['height']], axis=1) / np.float32(2.0)
        centre = np.stack([found['x'], found['y']], axis=1)
        return np.concatenate([centre - half, centre + half], axis=1), found['score'], found['field']

    def _memory(self, rows: int, columns: int) -> 'Memory':
        F, stride = self._meta.n_fields, self._meta.stride
        width, height = (columns - 1) * stride + 1, (rows - 1) * stride + 1
        return Memory(
            cells(F, rows * columns), seeds(F * rows * columns), high_resolution(F, width, height),
            occupancy(F, width, height), np.empty(MAX_BOXES, np.int64),
        )  # fmt: skip


class Memory(NamedTuple):
    """What decoding one image needs.

    Attributes:
        cells: the confident cells.
        seeds: see there.
        hr: the map.
        occupancy: the places that boxes take, by category.
        found: [MAX_BOXES] int64, cells that became boxes.
    """

    cells: Cells
    seeds: Seeds
    hr: HighResolution
    occupancy: Occupancy
    found: Array

    def cut(self, size: tuple[int, int]) -> 'Memory':
        """For an image of this size in pixels."""
        return self._replace(hr=self.hr._replace(size=size), occupancy=self.occupancy._replace(size=cells_of(*size)))


@jit_in_place
def detect(
    field: Array, channels: Channels, stride: int, map_threshold: Real, seed_threshold: Real, memory: Memory
) -> int:
    """Choose the cells that become boxes; the number of them, indices in ``memory.found``.

    Args:
        field: [F, C, H, W] float32 in inference layout, in cells.
        channels: where its components are.
        stride: pixels a cell.
        map_threshold: confidence of cells that vote into the map.
        seed_threshold: confidence of seeds.
        memory: see there.
    """
    find_cells(field, channels, min(map_threshold, seed_threshold), stride, memory.cells)
    start_map(memory.hr)
    reserve_places(memory.cells, memory.hr)
    vote(memory.cells, map_threshold, _SPREAD, memory.hr)
    n_seeds = collect_seeds(memory.cells, seed_threshold, memory.hr, memory.seeds)
    clear(memory.occupancy)
    n = 0
    for k in range(n_seeds):
        index = seed_at(memory.seeds, k)
        seed = memory.cells.records[index]
        if is_occupied(memory.occupancy, seed.field, seed.x, seed.y):
            continue
        occupy(memory.occupancy, seed.field, seed.x, seed.y, _TAKEN * min(seed.width, seed.height))
        memory.found[n] = index
        n += 1
        if n == MAX_BOXES:
            break
    return n

"""CifCaf: poses from a Cif and a Caf head (FIELDS section 12)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ..annotation import Annotation, Array, Pose
from ..headmeta import Caf, Cif
from .candidates import Association, Candidates, bins_of, caf_channels, candidates
from .cells import Cells, cells, channels_of
from .cifhr import HighResolution, high_resolution
from .contract import FieldOf, image_size
from .frontier import Frontier, frontier
from .growing import Growth, Surroundings, Wiring, wiring
from .occupancy import Occupancy, cells_of, occupancy
from .options import DecoderOptions
from .pool import Pool
from .posing import Completion, Poses, Rules, Thresholds, pose, poses
from .seeds import Seeds, seeds

INSTANCE_THRESHOLD = 0.15  # where the options give none


class CifCaf:
    """Grows poses from keypoints that the Cif head is sure of, along connections of the Caf head.

    Args:
        cif: head of the keypoints, bound.
        caf: head of the connections, bound.
        dense: head of further connections; used if ``options.dense_connections`` is above 0.
        options: thresholds and rules.

    Attributes:
        cif: as given.
        caf: as given.
        dense: as given if it is used, else None.
        rules: what the options mean.
    """

    name = 'cifcaf'

    def __init__(self, cif: Cif, caf: Caf, dense: Caf | None = None, *, options: DecoderOptions) -> None:
        self.cif = cif
        self.caf = caf
        self.dense = dense if options.dense_connections > 0.0 else None
        self._factor = options.dense_connections if self.dense else 0.0
        self._cif_field, self._caf_field = FieldOf(cif), FieldOf(caf)
        self._dense_field = FieldOf(self.dense) if self.dense else None
        connections = caf.connections + (self.dense.connections if self.dense else ())
        self._ends = np.array(connections, np.int64).reshape(-1, 2)
        self._wiring = wiring(cif.n_fields, connections)
        self.rules = rules(options)
        self._pool = Pool(self._memory)

    def __call__(self, fields: Sequence[Array]) -> list[Annotation]:
        """Poses of one image in pixels of the network's input, highest mean confidence first. See `Decoder`."""
        keypoints, steps, n_steps = self.arrays(fields)
        skeleton = self.cif.skeleton
        return [
            Pose(skeleton, rows[:, :3], rows[:, 3], decoding_order=pairs[:n])
            for rows, pairs, n in zip(keypoints, steps, n_steps.tolist(), strict=True)
        ]

    def arrays(self, fields: Sequence[Array]) -> tuple[Array, Array, Array]:
        """As `__call__`, in three arrays.

        Returns:
            [P, K, 4] float32: x, y, confidence and size of each keypoint in pixels; [P, K, 2] int16: the pairs of
            keypoints in the order in which the pose grew, of which the first [P] int64 count.
        """
        with self.workplace(fields) as (cif, around, memory):
            n = pose(
                cif, channels_of(Cif), self.cif.stride, self.rules, around, memory.cells, memory.seeds, memory.poses
            )
            kept = memory.poses.order[:n]
            return memory.poses.keypoints[kept], memory.poses.steps[kept], memory.poses.n_steps[kept]

    @contextmanager
    def workplace(self, fields: Sequence[Array]) -> Iterator[tuple[Array, Surroundings, 'Memory']]:
        """The Cif field of one image, the association fields with memory to grow poses in, and all other memory."""
        cif, association = self._cif_field(fields), self._association(fields)
        rows, columns = (max(cif.shape[i], association.sparse.shape[i], association.dense.shape[i]) for i in (2, 3))
        with self._pool.lend(rows, columns) as memory:
            yield cif, memory.around(self._wiring, association, image_size(cif, self.cif.stride)), memory

    def _association(self, fields: Sequence[Array]) -> Association:
        sparse = self._caf_field(fields)
        dense = self._dense_field(fields) if self._dense_field else sparse[:0]
        strides = self.caf.stride, self.dense.stride if self.dense else self.caf.stride
        threshold = self.rules.first.caf_threshold
        if self.rules.completion.search:
            threshold = min(threshold, self.rules.second.caf_threshold)
        return Association(sparse, dense, strides, self._ends, caf_channels(), threshold, self._factor)

    def _memory(self, rows: int, columns: int) -> 'Memory':
        K, N = self.cif.n_fields, rows * columns
        width, height = (columns - 1) * self.cif.stride + 1, (rows - 1) * self.cif.stride + 1
        return Memory(
            cells(K, N), seeds(K * N), frontier(len(self._wiring.pairs)),
            candidates(len(self._ends), N, (width, height)), high_resolution(K, width, height),
            occupancy(K, width, height), poses(K),
        )  # fmt: skip


class Memory(NamedTuple):
    """All that decoding one image needs, see the parts' own modules."""

    cells: Cells
    seeds: Seeds
    frontier: Frontier
    candidates: Candidates
    hr: HighResolution
    occupancy: Occupancy
    poses: Poses

    def around(self, wiring: Wiring, association: Association, size: tuple[int, int]) -> Surroundings:
        """The part that poses grow in, cut to an image of this size in pixels."""
        lists = self.candidates.lists._replace(bins=bins_of(size))
        return Surroundings(
            wiring, self.frontier, self.candidates._replace(lists=lists), association,
            self.hr._replace(size=size), self.occupancy._replace(size=cells_of(*size)),
        )  # fmt: skip


def rules(options: DecoderOptions) -> Rules:
    """What the options mean (FIELDS section 12, rules 6 and 8, and section 14)."""
    complete = options.force_complete_pose
    instance = INSTANCE_THRESHOLD if options.instance_threshold is None else options.instance_threshold
    thresholds = Thresholds(
        cif=options.cif_th,
        seed=options.seed_threshold,
        keypoint=0.0 if complete else options.keypoint_threshold,
        instance=0.0 if complete and options.instance_threshold is None else instance,
        early_keypoint=options.keypoint_threshold,
        early_instance=instance,
    )
    blend = options.connection_method == 'blend'
    first = Growth(
        caf_threshold=options.caf_th,
        threshold=0.0 if complete else min(options.keypoint_threshold, options.seed_threshold),
        threshold_rel=0.0 if complete else options.keypoint_threshold_rel,
        reach=1.0,
        blend=blend,
        reverse=options.reverse_match,
        greedy=options.greedy,
        block=options.block_joints,
    )
    second = first._replace(caf_threshold=options.force_complete_caf_th, reach=4.0, reverse=False)
    completion = Completion(
        suppress=complete and options.nms_before_force_complete,
        search=complete and options.force_complete_caf_th >= 0.0,
        copy=complete,
    )
    return Rules(thresholds, first, second, completion)

"""Posing: the steps from fields to poses, in order (FIELDS section 12). One kernel, called once an image."""

from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .candidates import find_links
from .cells import Cells, Channels, find_cells
from .cifhr import reserve_places, start_map, vote
from .growing import Growth, Surroundings, flood, grow
from .nms import suppress_keypoints
from .occupancy import Occupancy, clear, is_occupied, occupy
from .seeds import Seeds, collect_seeds, seed_at

MAX_POSES = 2000
"""Poses that may be started in one image, before suppression. Fifty people start about fifty on clean fields, five
hundred on noisy ones. The least confident seeds go without."""


SPREAD = 0.5  # standard deviation of a cell's votes, as a share of the keypoint's size


class Thresholds(NamedTuple):
    """Confidences that decide over cells, keypoints and poses.

    Attributes:
        cif: of cells that vote into the map.
        seed: of seeds.
        keypoint: of keypoints in the end.
        instance: of poses in the end.
        early_keypoint: of keypoints before poses are completed.
        early_instance: of poses before they are completed.
    """

    cif: float
    seed: float
    keypoint: float
    instance: float
    early_keypoint: float
    early_instance: float


class Completion(NamedTuple):
    """How poses are completed.

    Attributes:
        suppress: suppress duplicates first.
        search: grow once more, by the second growth.
        copy: copy what is still missing from neighbours.
    """

    suppress: bool
    search: bool
    copy: bool


class Rules(NamedTuple):
    """All that the options say.

    Attributes:
        thresholds: see there.
        first: how poses grow.
        second: how they grow once more while they are completed.
        completion: see there.
    """

    thresholds: Thresholds
    first: Growth
    second: Growth
    completion: Completion


class Poses(NamedTuple):
    """Poses and the memory for them.

    Attributes:
        keypoints: [MAX_POSES, K, 4] float32: x, y, confidence, size in pixels.
        steps: [MAX_POSES, K, 2] int16, pairs of keypoints in the order of growing.
        n_steps: [MAX_POSES] int64, how many of them count.
        order: [MAX_POSES] int64, indices of poses, best first.
        means: [MAX_POSES] float32, memory.
    """

    keypoints: Array
    steps: Array
    n_steps: Array
    order: Array
    means: Array


def poses(K: int) -> Poses:
    """Memory for poses of K keypoints."""
    return Poses(
        np.empty((MAX_POSES, K, 4), np.float32), np.empty((MAX_POSES, K, 2), np.int16), np.zeros(MAX_POSES, np.int64),
        np.empty(MAX_POSES, np.int64), np.empty(MAX_POSES, np.float32),
    )  # fmt: skip


@jit_in_place
def pose(
    cif: Array, channels: Channels, stride: int, rules: Rules, around: Surroundings, cells: Cells, seeds: Seeds,
    poses: Poses,
) -> int:  # fmt: skip
    """Decode one image.

    Args:
        cif: [K, C, H, W] float32 in inference layout, in cells.
        channels: where its components are.
        stride: pixels a cell.
        rules: thresholds and more.
        around: the association fields, and memory.
        cells: memory.
        seeds: memory.
        poses: is filled.

    Returns:
        The number of poses, the first ones of ``poses.order``.
    """
    thresholds, completion = rules.thresholds, rules.completion
    n_seeds = look(cif, channels, stride, thresholds, around, cells, seeds)
    n = _grow_all(n_seeds, rules.first, around, cells, seeds, poses)
    if completion.suppress:
        n = suppress_keypoints(
            poses.keypoints, poses.order[:n], poses.means, thresholds.early_keypoint, thresholds.early_instance,
            around.occupancy,
        )  # fmt: skip
    for p in poses.order[:n]:
        if completion.search:
            poses.n_steps[p] = grow(poses.keypoints[p], poses.steps[p], poses.n_steps[p], rules.second, around)
            if rules.second.block:
                _take_places(poses.keypoints[p], around.occupancy)
        if completion.copy:
            flood(poses.keypoints[p], around)
    return suppress_keypoints(
        poses.keypoints, poses.order[:n], poses.means, thresholds.keypoint, thresholds.instance, around.occupancy
    )  # fmt: skip


@jit_in_place
def look(
    cif: Array,
    channels: Channels,
    stride: int,
    thresholds: Thresholds,
    around: Surroundings,
    cells: Cells,
    seeds: Seeds,
) -> int:
    """Find confident cells, let them vote, and collect the seeds, see `pose`; the number of seeds."""
    find_cells(cif, channels, min(thresholds.cif, thresholds.seed), stride, cells)
    start_map(around.hr)
    reserve_places(cells, around.hr)
    find_links(around.candidates, around.association, around.hr)
    vote(cells, thresholds.cif, SPREAD, around.hr)
    return collect_seeds(cells, thresholds.seed, around.hr, seeds)


@jit_in_place
def _grow_all(n_seeds: int, growth: Growth, around: Surroundings, cells: Cells, seeds: Seeds, poses: Poses) -> int:
    """Start a pose at each seed whose place is not taken yet; the number of poses."""
    clear(around.occupancy)
    n = 0
    for k in range(n_seeds):
        seed = cells.records[seed_at(seeds, k)]
        if is_occupied(around.occupancy, seed.field, seed.x, seed.y):
            continue
        if n == MAX_POSES:
            break
        keypoints = poses.keypoints[n]
        keypoints[:] = 0.0
        poses.order[n] = n
        n += 1
        start = keypoints[seed.field]
        start[0], start[1], start[2], start[3] = seed.x, seed.y, seed.score, seed.width
        poses.n_steps[n - 1] = grow(keypoints, poses.steps[n - 1], 0, growth, around)
        _take_places(keypoints, around.occupancy)
    return n


@jit_in_place
def _take_places(keypoints: Array, occupancy: Occupancy) -> None:
    for k in range(len(keypoints)):
        if keypoints[k, 2] > 0.0:
            occupy(occupancy, k, keypoints[k, 0], keypoints[k, 1], keypoints[k, 3])

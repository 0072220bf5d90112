"""Growing: from the keypoints that a pose has to those that it lacks (FIELDS section 12, rules 3 to 5)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .candidates import Association, Candidates, make_list
from .cells import Real
from .cifhr import HighResolution
from .connection import connect
from .frontier import Frontier, pop, push
from .occupancy import Occupancy, is_occupied

MAX_WORK = 30_000_000
"""Candidates that may be looked at in one image, a search counting as 32. Fifty people of COCO's usual sizes take up to
three million. Beyond, poses do not grow any further."""

COPY = np.float32(1e-5)  # confidence of a keypoint that was copied from its neighbour


class Wiring(NamedTuple):
    """The skeleton as ordered pairs of connected keypoints, sorted by where they start, then by connection.

    Attributes:
        pairs: [M, 3] int64: keypoint where a pair starts, where it ends, number of its list of candidates.
        first: [K + 1] int64: the pairs of keypoint k are number ``first[k]`` to ``first[k + 1] - 1``.
    """

    pairs: Array
    first: Array


def wiring(keypoints: int, connections: Sequence[tuple[int, int]]) -> Wiring:
    """The wiring of a skeleton; a pair that occurs twice, in either direction, uses its first connection."""
    pairs: list[tuple[int, int, int]] = []
    first = [0]
    for start in range(keypoints):
        ends: dict[int, int] = {}
        for number, (a, b) in enumerate(connections):
            if start in (a, b):
                ends.setdefault(b if start == a else a, 2 * number + (start == b))
        pairs += [(start, end, number) for end, number in ends.items()]
        first.append(len(pairs))
    return Wiring(np.array(pairs, np.int64).reshape(-1, 3), np.array(first, np.int64))


class Growth(NamedTuple):
    """How a pose grows.

    Attributes:
        caf_threshold: confidence that candidates must exceed.
        threshold: least confidence of a keypoint that is grown.
        threshold_rel: the same as a share of the confidence of the keypoint that it is grown from.
        reach: candidates may start half of this many sizes of a keypoint to either side.
        blend: the mean of the two best candidates, or the best one alone.
        reverse: whether a connection must lead back to where it starts.
        greedy: whether the first connection to a keypoint is taken.
        block: whether places that other poses occupy are refused.
    """

    caf_threshold: float
    threshold: float
    threshold_rel: float
    reach: float
    blend: bool
    reverse: bool
    greedy: bool
    block: bool


class Surroundings(NamedTuple):
    """What a pose grows in: the image's fields, the map, what was found so far, and memory."""

    wiring: Wiring
    frontier: Frontier
    candidates: Candidates
    association: Association
    hr: HighResolution
    occupancy: Occupancy


@jit_in_place
def grow(pose: Array, steps: Array, growth: Growth, around: Surroundings) -> None:
    """Grow one pose until no connection leads further.

    Args:
        pose: [K, 4] float32, x, y, confidence, size in pixels; confidence 0 where a keypoint is missing. Is completed.
        steps: [K, 2] int16, the pairs of keypoints in the order of growing, -1 behind the last. Is continued.
        growth: how.
        around: in what; lists of candidates that are missing are made.
    """
    frontier, pairs = around.frontier, around.wiring.pairs
    n = _start(pose, around)
    while n > 0 and around.candidates.work[0] < MAX_WORK:
        pair = pop(frontier, n)
        n -= 1
        start, end = pairs[pair, 0], pairs[pair, 1]
        if pose[end, 2] > 0.0:
            continue
        if frontier.computed[pair] == 0:
            if not _follow(pose, pair, growth, around):
                continue
            frontier.computed[pair] = 1
            if not growth.greedy:
                n = push(frontier, n, frontier.found[pair, 2], pair)
                continue
        for k in range(4):
            pose[end, k] = frontier.found[pair, k]
        _note(steps, start, end)
        n = _enter(pose, end, around, n)


@jit_in_place
def flood(pose: Array, around: Surroundings) -> None:
    """Give each missing keypoint the place of a neighbour that the pose has, and the confidence `COPY`."""
    pairs = around.wiring.pairs
    n = _start(pose, around)
    while n > 0:
        pair = pop(around.frontier, n)
        n -= 1
        start, end = pairs[pair, 0], pairs[pair, 1]
        if pose[end, 2] > 0.0:
            continue
        for k in range(4):
            pose[end, k] = pose[start, k]
        pose[end, 2] = COPY
        n = _enter(pose, end, around, n)


@jit_in_place
def _start(pose: Array, around: Surroundings) -> int:
    """Empty the frontier and enter the pairs of all keypoints of a pose; the number of entries."""
    around.frontier.entered[:] = 0
    around.frontier.computed[:] = 0
    n = 0
    for keypoint in range(len(pose)):
        if pose[keypoint, 2] > 0.0:
            n = _enter(pose, keypoint, around, n)
    return n


@jit_in_place
def _enter(pose: Array, keypoint: int, around: Surroundings, n: int) -> int:
    """Enter the pairs from a keypoint to missing ones, each at most once; the number of entries."""
    wiring, frontier = around.wiring, around.frontier
    priority = np.sqrt(pose[keypoint, 2])
    for pair in range(wiring.first[keypoint], wiring.first[keypoint + 1]):
        if frontier.entered[pair] == 0 and not pose[wiring.pairs[pair, 1], 2] > 0.0:
            frontier.entered[pair] = 1
            n = push(frontier, n, priority, pair)
    return n


@jit_in_place
def _follow(pose: Array, pair: int, growth: Growth, around: Surroundings) -> bool:
    """Find where a pair leads and keep it in the frontier; whether it leads to an acceptable keypoint."""
    pairs = around.wiring.pairs
    start, end, number = pairs[pair, 0], pairs[pair, 1], pairs[pair, 2]
    x, y, confidence, size = pose[start, 0], pose[start, 1], pose[start, 2], pose[start, 3]
    value, x2, y2, size2 = _connect(number, x, y, size, growth, around)
    reached = np.sqrt(value * confidence)
    if value == 0.0 or reached < np.float32(growth.threshold):
        return False
    if reached < np.float32(growth.threshold_rel) * confidence:
        return False
    if growth.block and is_occupied(around.occupancy, end, x2, y2):
        return False
    if growth.reverse:
        back, x3, y3, _ = _connect(number ^ 1, x2, y2, size2, growth, around)
        if back == 0.0 or abs(x - x3) + abs(y - y3) > size:
            return False
    found = around.frontier.found[pair]
    found[0], found[1], found[2], found[3] = x2, y2, reached, size2
    return True


@jit_in_place
def _connect(
    number: int, x: Real, y: Real, size: Real, growth: Growth, around: Surroundings
) -> tuple[Real, Real, Real, Real]:
    if around.candidates.made[number] == 0:
        make_list(around.candidates, number, around.association, around.hr)
    return connect(around.candidates, number, x, y, size, growth.caf_threshold, growth.reach, growth.blend)


@jit_in_place
def _note(steps: Array, start: int, end: int) -> None:
    """Append a pair of keypoints to the steps."""
    k = 0
    while k < len(steps) and steps[k, 0] >= 0:
        k += 1
    if k < len(steps):
        steps[k, 0], steps[k, 1] = start, end

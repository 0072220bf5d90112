"""Growing: from the keypoints that a pose has to those that it lacks (FIELDS section 12, rules 3 to 5)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .candidates import Association, Candidates, Lists, make_lists
from .cifhr import HighResolution
from .connection import connect
from .frontier import Frontier, pop, push
from .occupancy import Occupancy, is_occupied

MAX_WORK = 4_000_000
"""Candidates that may be looked at in one image, a search counting as 32. Fifty people of COCO's usual sizes take up to
0.2 million, two hundred up to 2.5 million. Beyond, poses do not grow any further."""

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
def grow(pose: Array, steps: Array, n_steps: int, growth: Growth, around: Surroundings) -> int:
    """Grow one pose until no connection leads further.

    Args:
        pose: [K, 4] float32, x, y, confidence, size in pixels; confidence 0 where a keypoint is missing. Is completed.
        steps: [K, 2] int16, the pairs of keypoints in the order of growing. Is continued.
        n_steps: how many it holds.
        growth: how.
        around: in what; lists of candidates that are missing are made.

    Returns:
        How many steps there are then.
    """
    heap, found = around.frontier.heap, around.frontier.found
    pairs, first = around.wiring.pairs, around.wiring.first
    lists, occupancy = around.candidates.lists, around.occupancy
    n = _start(pose, pairs, first, heap, found)
    while n > 0 and lists.state[0] < MAX_WORK:
        pair = pop(heap, n)
        n -= 1
        start, end, number = pairs[pair, 0], pairs[pair, 1], pairs[pair, 2]
        if pose[end, 2] > 0.0:
            continue
        known = found[pair]
        if known.computed == 0:
            if around.candidates.made[number >> 1] == 0:
                make_lists(around.candidates, number >> 1, around.association.threshold, around.hr)
            if not _follow(pose[start], end, number, known, growth, lists, occupancy):
                continue
            known.computed = 1
            if not growth.greedy:
                n = push(heap, n, known.confidence, pair)
                continue
        pose[end, 0], pose[end, 1], pose[end, 2], pose[end, 3] = known.x, known.y, known.confidence, known.size
        if n_steps < len(steps):  # more only if suppression took keypoints between two growths
            steps[n_steps, 0], steps[n_steps, 1] = start, end
            n_steps += 1
        n = _enter(pose, end, pairs, first, heap, found, n)
    return n_steps


@jit_in_place
def flood(pose: Array, around: Surroundings) -> None:
    """Give each missing keypoint the place of a neighbour that the pose has, and the confidence `COPY`."""
    heap, found = around.frontier.heap, around.frontier.found
    pairs, first = around.wiring.pairs, around.wiring.first
    n = _start(pose, pairs, first, heap, found)
    while n > 0:
        pair = pop(heap, n)
        n -= 1
        start, end = pairs[pair, 0], pairs[pair, 1]
        if pose[end, 2] > 0.0:
            continue
        pose[end, 0], pose[end, 1], pose[end, 2], pose[end, 3] = pose[start, 0], pose[start, 1], COPY, pose[start, 3]
        n = _enter(pose, end, pairs, first, heap, found, n)


@jit_in_place
def _start(pose: Array, pairs: Array, first: Array, heap: Array, found: Array) -> int:
    """Empty the frontier and enter the pairs of all keypoints of a pose; the number of entries."""
    for pair in range(len(found)):
        found[pair].entered = 0
        found[pair].computed = 0
    n = 0
    for keypoint in range(len(pose)):
        if pose[keypoint, 2] > 0.0:
            n = _enter(pose, keypoint, pairs, first, heap, found, n)
    return n


@jit_in_place
def _enter(pose: Array, keypoint: int, pairs: Array, first: Array, heap: Array, found: Array, n: int) -> int:
    """Enter the pairs from a keypoint to missing ones, each at most once; the number of entries."""
    priority = np.sqrt(pose[keypoint, 2])
    for pair in range(first[keypoint], first[keypoint + 1]):
        if found[pair].entered == 0 and not pose[pairs[pair, 1], 2] > 0.0:
            found[pair].entered = 1
            n = push(heap, n, priority, pair)
    return n


@jit_in_place
def _follow(
    start: Array, end: int, number: int, found: Any, growth: Growth, lists: Lists, occupancy: Occupancy
) -> bool:
    """Find where list ``number`` leads from a keypoint; whether it leads to an acceptable one of kind ``end``."""
    x, y, confidence, size = start[0], start[1], start[2], start[3]
    value, x2, y2, size2 = connect(lists, number, x, y, size, growth.caf_threshold, growth.reach, growth.blend)
    reached = np.sqrt(value * confidence)
    if value == 0.0 or reached < np.float32(growth.threshold):
        return False
    if reached < np.float32(growth.threshold_rel) * confidence:
        return False
    if growth.block and is_occupied(occupancy, end, x2, y2):
        return False
    if growth.reverse:
        back, x3, y3, _ = connect(lists, number ^ 1, x2, y2, size2, growth.caf_threshold, growth.reach, growth.blend)
        if back == 0.0 or abs(x - x3) + abs(y - y3) > size:
            return False
    found.x, found.y, found.confidence, found.size = x2, y2, reached, size2
    return True

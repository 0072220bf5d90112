"""Training weights from the shape of a skeleton: a keypoint that stands alone counts more than one among many."""

import math
from collections.abc import Sequence
from dataclasses import replace

from ..headmeta import Caf, Cif, HeadMeta
from ..skeletons import Skeleton

RADIUS = 3
"""Connections up to which a keypoint is near another one."""


def keypoint_weights(skeleton: Skeleton, *, radius: int = RADIUS) -> tuple[float, ...]:
    """K weights of mean 1: the inverse of each keypoint's closeness centrality among the keypoints near it.

    That is the mean distance along connections, of the lengths that they have in the upright pose, to all keypoints
    that are at most ``radius`` connections away. Of a whole body, 110 keypoints of 133 are of face and hands; by these
    weights they count 44 %, the 17 of the body 47 %, the feet 9 %. A keypoint without connections gets the largest
    weight.
    """
    upright = skeleton.upright
    lengths = [(a, b, math.dist(upright[a], upright[b])) for a, b in skeleton.connections]
    distances = [_distances(lengths, start, radius) for start in range(len(upright))]
    means = [sum(near) / len(near) if near else 0.0 for near in distances]
    largest = max(means) or 1.0
    means = [mean or largest for mean in means]
    scale = len(means) / sum(means)
    return tuple(mean * scale for mean in means)


def connection_weights(connections: Sequence[tuple[int, int]], weights: Sequence[float]) -> tuple[float, ...]:
    """E weights of mean 1: those of both ends."""
    sums = [weights[a] + weights[b] for a, b in connections]
    return tuple(value * len(sums) / sum(sums) for value in sums)


def weighted(meta: HeadMeta) -> HeadMeta:
    """A head for keypoints or connections whose fields count by these weights."""
    if isinstance(meta, Cif):
        return replace(meta, training_weights=keypoint_weights(meta.skeleton))
    if isinstance(meta, Caf):
        return replace(meta, training_weights=connection_weights(meta.connections, keypoint_weights(meta.skeleton)))
    return meta


def _distances(lengths: Sequence[tuple[int, int, float]], start: int, radius: int) -> list[float]:
    """Lengths of the shortest paths of at most ``radius`` connections (ends, length) to other keypoints."""
    best = {start: 0.0}
    for _ in range(radius):
        reached = dict(best)
        for a, b, length in lengths:
            for source, target in ((a, b), (b, a)):
                if source in best:
                    reached[target] = min(reached.get(target, math.inf), best[source] + length)
        best = reached
    return [distance for keypoint, distance in best.items() if keypoint != start]

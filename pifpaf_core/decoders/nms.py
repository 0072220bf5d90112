"""Soft non-maximum suppression: of poses by the places of their keypoints, of boxes by overlap (FIELDS section 12)."""

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .cells import Real
from .occupancy import Occupancy, clear, is_occupied, occupy

_TAKEN = np.float32(1e-5)  # factor on the confidence of a keypoint whose place is taken
_OVERLAPPED = 0.1  # factor on the score of a box that overlaps a better one
_MAX_OVERLAP = 0.5  # intersection over union up to which boxes of a category stand side by side


@jit_in_place
def suppress_keypoints(
    poses: Array, order: Array, means: Array, keypoint_threshold: Real, instance_threshold: Real, occupancy: Occupancy
) -> int:
    """Let poses take their places, the best first (rule 8).

    Keypoints that come too late lose confidence, and poses that lose too much go.

    Args:
        poses: [P, K, 4] float32, x, y, confidence, size in pixels; the confidences are changed.
        order: [n] int64, indices of the poses that take part. Is sorted, best mean confidence over all K first.
        means: [P] float32, memory.
        keypoint_threshold: confidences up to this one become 0.
        instance_threshold: poses whose mean confidence is below go.
        occupancy: memory; ends with the places of all poses.

    Returns:
        The number of poses that stay, the first ones of ``order``.
    """
    clear(occupancy)
    _sort_by_mean(poses, order, means)
    for p in order:
        _take_places(poses[p], np.float32(keypoint_threshold), occupancy)
    _sort_by_mean(poses, order, means)
    n = 0
    while n < len(order) and means[order[n]] >= np.float32(instance_threshold):
        n += 1
    return n


@jit_in_place
def _take_places(pose: Array, threshold: Real, occupancy: Occupancy) -> None:
    for k in range(len(pose)):
        if pose[k, 2] == 0.0:
            continue
        if is_occupied(occupancy, k, pose[k, 0], pose[k, 1]):
            pose[k, 2] *= _TAKEN
        else:
            occupy(occupancy, k, pose[k, 0], pose[k, 1], pose[k, 3])
        if pose[k, 2] <= threshold:
            pose[k, 2] = 0.0


@jit_in_place
def _sort_by_mean(poses: Array, order: Array, means: Array) -> None:
    """Sort by falling mean confidence; equal ones stay as they are. Poses come nearly sorted, so by insertion."""
    for p in order:
        total = np.float32(0.0)
        for k in range(poses.shape[1]):
            total += poses[p, k, 2]
        means[p] = total / np.float32(poses.shape[1])
    for i in range(1, len(order)):
        p, k = order[i], i
        while k > 0 and means[order[k - 1]] < means[p]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = p


def suppress_boxes(boxes: Array, scores: Array, categories: Array) -> Array:
    """Scores after soft suppression: a box that overlaps a better one of its category keeps a tenth (rule 11).

    Args:
        boxes: [N, 4] x1, y1, x2, y2 in pixels.
        scores: [N].
        categories: [N] int; boxes of different categories do not suppress each other.

    Returns:
        [N] scores in the order given.
    """
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    undecided = np.ones(len(boxes), bool)
    result = scores.copy()
    for best in np.argsort(-scores, kind='stable'):
        if not undecided[best]:
            continue
        undecided[best] = False
        low = np.maximum(boxes[:, :2], boxes[best, :2])
        high = np.minimum(boxes[:, 2:], boxes[best, 2:])
        shared = np.prod(np.maximum(high - low, 0.0), axis=1)
        with np.errstate(invalid='ignore', divide='ignore'):  # two empty boxes do not overlap
            overlap = shared / (areas + areas[best] - shared)
        suppressed = undecided & (categories == categories[best]) & (overlap > _MAX_OVERLAP)
        result[suppressed] *= _OVERLAPPED
        undecided &= ~suppressed
    return result

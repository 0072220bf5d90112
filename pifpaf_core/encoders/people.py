"""The annotated people of an image, made ready for CIF and CAF targets (FIELDS section 4)."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from ..kernels import jit
from ..skeletons import Skeleton
from .options import EncoderOptions

Array = npt.NDArray[Any]

SELF_HIDDEN_RADIUS = 32.0  # pixels
COLLISION_RADIUS = 16.0  # pixels, and at least ...
COLLISION_FRACTION = 0.2  # ... of the largest side of the two boxes
MIN_REFERENCE_AREA = 0.1  # of the visible part of the upright pose, below which it says nothing about the whole
MAX_FACTOR = 5.0
MIN_SCALE = 0.1  # cells


class People(NamedTuple):
    """Those of an image's instances that have a target, and what has to be ignored.

    Attributes:
        keypoints: [N, K, 4] float64, x, y in cells, v after suppression (0: no target), and scale: the square root of
            the estimated area of the whole instance in cells times the keypoint's sigma, NaN if unknown.
        ignored: [M, 4] float64 boxes x, y, w, h in pixels: crowds, and instances none of whose keypoints are annotated.
    """

    keypoints: Array
    ignored: Array


def people(truth: GroundTruth, skeleton: Skeleton, *, stride: int, options: EncoderOptions) -> People:
    """Drop crowds, suppress ambiguous keypoints, go to cells and estimate how large everybody is.

    Raises:
        ValueError: the annotations do not have the keypoints of the skeleton.
    """
    n_keypoints = len(skeleton.keypoints)
    if truth.keypoints.ndim != 3 or truth.keypoints.shape[1:] != (n_keypoints, 3):
        raise ValueError(
            f'annotations have keypoints of shape {truth.keypoints.shape}, the skeleton has {n_keypoints}. '
            f'Give [instances, {n_keypoints}, 3]'
        )
    keypoints, boxes, ignored = _split(
        np.ascontiguousarray(truth.keypoints, np.float64),
        np.ascontiguousarray(truth.boxes, np.float64),
        np.ascontiguousarray(truth.crowd, np.bool_),
    )
    suppress(keypoints, boxes, options.suppress_selfhidden, options.suppress_invisible, options.suppress_collision)
    _to_cells(keypoints, stride, *_reference(skeleton.upright, skeleton.sigmas))
    return People(keypoints, ignored)


def instance_scales(keypoints: Array, skeleton: Skeleton) -> Array:
    """Square root of each instance's area, had all of it been annotated.

    The area is that of the box of the keypoints with v > 0, times how much larger the upright standard pose is than the
    part of it that these keypoints span. The pose turned by 45 degrees is tried as well, and the smaller factor taken,
    so that keypoints on a straight line do not explode it.

    Args:
        keypoints: [N, K, 3 or more] float64, x, y in cells, v.
        skeleton: of the K keypoints.

    Returns:
        [N] float64 in cells; NaN for fewer than three keypoints, a part that says nothing of the whole, or below 0.1.
    """
    poses, areas, _ = _reference(skeleton.upright, skeleton.sigmas)
    return _scales(keypoints, poses, areas)


@lru_cache(maxsize=64)
def _reference(upright: tuple[tuple[float, float], ...], sigmas: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """[2, K, 2] the upright pose and the same turned by 45 degrees, [2] the areas of their boxes, and [K] sigmas."""
    pose = np.array(upright, np.float64)
    sin = math.sin(math.pi / 4.0)
    poses = np.stack([pose, pose @ np.array([[sin, sin], [-sin, sin]])])
    return poses, np.prod(np.ptp(poses, axis=1), axis=1), np.array(sigmas, np.float64)


@jit
def _split(keypoints: Array, boxes: Array, crowd: Array) -> tuple[Array, Array, Array]:
    """Copies: keypoints [N, K, 4] and boxes [N, 4] of who has keypoints, boxes [M, 4] of the others and of crowds."""
    n_instances, n_keypoints, _ = keypoints.shape
    copies, kept, ignored = (
        np.empty((n_instances, n_keypoints, 4)),
        np.empty((n_instances, 4)),
        np.empty((n_instances, 4)),
    )
    n_kept = 0
    for i in range(n_instances):
        labelled = False
        for k in range(n_keypoints):
            labelled = labelled or keypoints[i, k, 2] > 0.0
            for j in range(3):
                copies[n_kept, k, j] = keypoints[i, k, j]
        has_target = labelled and not crowd[i]
        for j in range(4):
            if has_target:
                kept[n_kept, j] = boxes[i, j]
            else:
                ignored[i - n_kept, j] = boxes[i, j]
        n_kept += has_target
    return copies[:n_kept], kept[:n_kept], ignored[: n_instances - n_kept]


@jit
def suppress(keypoints: Array, boxes: Array, selfhidden: bool, invisible: bool, collision: bool) -> None:
    """Set v = 0 in place where a keypoint would teach the wrong thing; see `EncoderOptions`.

    Args:
        keypoints: [N, K, 3 or more] in pixels.
        boxes: [N, 4] x, y, w, h in pixels.
        selfhidden: drop a hidden keypoint (v = 1) next to the same visible keypoint of somebody else.
        invisible: drop all with v < 2. Nothing is left for ``selfhidden`` to do then.
        collision: first, drop both of a pair of the same kind that lie close.
    """
    n_people, n_keypoints, _ = keypoints.shape
    for k in range(n_keypoints):
        one_kind = keypoints[:, k]
        if collision:
            _drop_collisions(one_kind, boxes)
        for i in range(n_people):
            hidden = one_kind[i, 2] == 1.0
            if (invisible and one_kind[i, 2] < 2.0) or (selfhidden and hidden and _next_to_visible(one_kind, i)):
                one_kind[i, 2] = 0.0


@jit
def _drop_collisions(one_kind: Array, boxes: Array) -> None:
    for i in range(len(one_kind)):
        for j in range(i + 1, len(one_kind)):
            if one_kind[i, 2] <= 0.0 or one_kind[j, 2] <= 0.0:
                continue
            side = max(boxes[i, 2], boxes[i, 3], boxes[j, 2], boxes[j, 3])
            radius = max(COLLISION_RADIUS, COLLISION_FRACTION * side)
            if abs(one_kind[i, 0] - one_kind[j, 0]) < radius and abs(one_kind[i, 1] - one_kind[j, 1]) < radius:
                one_kind[i, 2] = 0.0
                one_kind[j, 2] = 0.0


@jit
def _next_to_visible(one_kind: Array, i: int) -> bool:
    for j in range(len(one_kind)):
        if (
            one_kind[j, 2] > 1.0
            and abs(one_kind[i, 0] - one_kind[j, 0]) <= SELF_HIDDEN_RADIUS
            and abs(one_kind[i, 1] - one_kind[j, 1]) <= SELF_HIDDEN_RADIUS
        ):
            return True
    return False


@jit
def _to_cells(keypoints: Array, stride: float, poses: Array, pose_areas: Array, sigmas: Array) -> None:
    """Divide positions by the stride, and set the scales (the fourth column), in place."""
    for i in range(len(keypoints)):
        for k in range(len(sigmas)):
            keypoints[i, k, 0] /= stride
            keypoints[i, k, 1] /= stride
    scales = _scales(keypoints, poses, pose_areas)
    for i in range(len(keypoints)):
        for k in range(len(sigmas)):
            keypoints[i, k, 3] = scales[i] * sigmas[k]


@jit
def _scales(keypoints: Array, poses: Array, pose_areas: Array) -> Array:
    scales = np.empty(len(keypoints))
    for i in range(len(keypoints)):
        visible, n_visible, ratio = keypoints[i, :, 2], 0, np.inf
        for k in range(len(visible)):
            n_visible += visible[k] > 0.0
        for j in range(len(poses)):
            area = _box_area(poses[j], visible)
            if area > MIN_REFERENCE_AREA:
                ratio = min(ratio, pose_areas[j] / area)
        scale = math.sqrt(_box_area(keypoints[i], visible)) * min(math.sqrt(ratio), MAX_FACTOR)
        known = n_visible >= 3 and ratio < np.inf and scale >= MIN_SCALE
        scales[i] = scale if known else np.nan
    return scales


@jit
def _box_area(xy: Array, visible: Array) -> float:
    left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
    for k in range(len(xy)):
        if visible[k] > 0.0:
            left, right = min(left, xy[k, 0]), max(right, xy[k, 0])
            top, bottom = min(top, xy[k, 1]), max(bottom, xy[k, 1])
    return (right - left) * (bottom - top)

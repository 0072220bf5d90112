"""CAF targets: a band of cells along each connection points at both of its ends (FIELDS section 6)."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from ..headmeta import Caf
from ..kernels import jit
from .areas import Region, background, field_shape, ignore, ignored_cells, known_window
from .options import EncoderOptions
from .people import people

Array = npt.NDArray[Any]

MARGINS = 0.25, 0.4  # smallest and largest part of a connection that is left out at each of its ends
EPSILON = 1e-16


class End(NamedTuple):
    """Views of one end's components: vector [E, 2, H, W], bmin and scale [E, H, W]; or of one connection, without E."""

    vector: Array
    bmin: Array
    scale: Array


class Cells(NamedTuple):
    """Views of the components of all connections: confidence [E, H, W] and both ends; or of one, without E."""

    confidence: Array
    a: End
    b: End


class Band(NamedTuple):
    """What cells are marked along a connection, see `EncoderOptions`, and their bmin in cells."""

    min_size: int
    aspect_ratio: float
    only_middle: bool
    bmin: float


def encode_caf(
    meta: Caf,
    truth: GroundTruth,
    *,
    size: tuple[int, int],
    valid_area: Array | None,
    options: EncoderOptions,
    bmin: float,
) -> Array:
    """Target [E, 9, H, W] float32: confidence, vectors to both ends, two bmin, both scales; all in cells; see `encode`.

    A connection is left out when both of its ends lie outside the image. Those of a dense head are left out when either
    does, and where sparse connections lead from end to end in short steps.
    """
    keypoints, ignored = people(truth, meta.skeleton, stride=meta.stride, options=options)
    shape, layout, connections = field_shape(size, meta.stride), meta.target, _pairs(meta.connections)
    kept = _visible(keypoints, connections, *shape, meta.dense)
    if meta.dense:
        _drop_bridged(kept, keypoints, connections, _pairs(meta.skeleton.connections), meta.dense_to_sparse_radius)
    fields = background(layout, len(connections), shape)
    ends = [End(*(fields[:, part] for part in (layout.vector(i), layout.bmin(i), layout.scale(i)))) for i in range(2)]
    region = Region(
        known_window(valid_area, meta.stride, shape),
        ignored_cells(ignored, float(meta.stride), (options.caf_min_size - 1) / 2.0, *shape),
    )
    band = Band(options.caf_min_size, options.caf_aspect_ratio, options.caf_fixed_size, bmin / meta.stride)
    _fill(Cells(fields[:, layout.confidence], ends[0], ends[1]), region, kept, keypoints, connections, band)
    return fields


@lru_cache(maxsize=64)
def _pairs(connections: tuple[tuple[int, int], ...]) -> Array:
    return np.array(connections, np.int64).reshape(-1, 2)


@jit
def _visible(keypoints: Array, connections: Array, height: int, width: int, both_inside: bool) -> Array:
    """[E, N] bool: which connections of whom have both ends annotated and one, or both, in the image."""
    visible = np.empty((len(connections), len(keypoints)), np.bool_)
    for e in range(len(connections)):
        for i in range(len(keypoints)):
            a, b = keypoints[i, connections[e, 0]], keypoints[i, connections[e, 1]]
            inside_a, inside_b = _inside(a, height, width), _inside(b, height, width)
            seen = (inside_a and inside_b) if both_inside else (inside_a or inside_b)
            visible[e, i] = seen and a[2] > 0.0 and b[2] > 0.0
    return visible


@jit
def _inside(keypoint: Array, height: int, width: int) -> bool:
    return bool(0.0 <= keypoint[0] <= width - 1 and 0.0 <= keypoint[1] <= height - 1)


@jit
def _drop_bridged(kept: Array, keypoints: Array, connections: Array, sparse: Array, radius: float) -> None:
    """Drop connections that have, at both ends, a sparse one shorter than their length over ``radius``."""
    shortest = np.empty(keypoints.shape[1])
    for i in range(len(keypoints)):
        shortest[:] = np.inf
        for a, b in sparse:
            if keypoints[i, a, 2] > 0.0 and keypoints[i, b, 2] > 0.0:
                length = _length(keypoints[i, a], keypoints[i, b])
                shortest[a], shortest[b] = min(shortest[a], length), min(shortest[b], length)
        for e in range(len(connections)):
            a, b = connections[e]
            limit = _length(keypoints[i, a], keypoints[i, b]) / radius
            if shortest[a] < limit and shortest[b] < limit:
                kept[e, i] = False


@jit
def _length(a: Array, b: Array) -> float:
    return math.sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2)


@jit
def _fill(cells: Cells, region: Region, kept: Array, keypoints: Array, connections: Array, band: Band) -> None:
    distance = np.empty(cells.confidence.shape[1:], np.float32)
    for e in range(len(connections)):
        distance[:] = np.inf
        field = Cells(
            cells.confidence[e],
            End(cells.a.vector[e], cells.a.bmin[e], cells.a.scale[e]),
            End(cells.b.vector[e], cells.b.bmin[e], cells.b.scale[e]),
        )
        for i in range(len(region.ignored)):
            ignore(field.confidence, distance, region.ignored[i], region.window)
        a, b = connections[e]
        for i in range(len(keypoints)):
            if kept[e, i]:
                _mark(field, distance, region.window, keypoints[i, a], keypoints[i, b], band)


@jit
def _mark(field: Cells, distance: Array, window: Array, a: Array, b: Array, band: Band) -> None:
    """Point at a and b (x, y, v, scale) from squares around points between, where no other connection is nearer."""
    dx, dy, length = b[0] - a[0], b[1] - a[1], _length(a, b)
    side = max(band.min_size, int(length * band.aspect_ratio))
    first, n_points = 0.5, 1
    if not band.only_middle:
        first = min(max(side / 2.0 / (length + EPSILON), MARGINS[0]), MARGINS[1])
        n_points = max(2, int(np.ceil(length)))
    step = (1.0 - 2.0 * first) / max(1, n_points - 1)
    for point in range(n_points):
        left = a[0] + (first + point * step) * dx - (side - 1) / 2.0
        top = a[1] + (first + point * step) * dy - (side - 1) / 2.0
        for row in range(side):
            y = int(np.rint(top + row))
            if not window[1] <= y < window[3]:
                continue
            for column in range(side):
                x = int(np.rint(left + column))
                if not window[0] <= x < window[2]:
                    continue
                offset = np.float32(abs(dx * (a[1] - y) - dy * (a[0] - x)) / (length + 0.01))
                if offset <= distance[y, x]:
                    distance[y, x] = offset
                    field.confidence[y, x] = 1.0
                    _point_at(field.a, y, x, a, band.bmin)
                    _point_at(field.b, y, x, b, band.bmin)


@jit
def _point_at(end: End, y: int, x: int, keypoint: Array, bmin: float) -> None:
    end.vector[0, y, x] = keypoint[0] - x
    end.vector[1, y, x] = keypoint[1] - y
    end.bmin[y, x] = bmin
    end.scale[y, x] = keypoint[3]

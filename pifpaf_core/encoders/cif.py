"""CIF targets: a patch of cells around each keypoint points at it (FIELDS section 5)."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from ..headmeta import Cif
from ..kernels import jit
from .areas import Region, background, field_shape, ignore, ignored_cells, known_window
from .options import EncoderOptions
from .people import people

Array = npt.NDArray[Any]


class Cells(NamedTuple):
    """Views of the components of all fields: vector [F, 2, H, W], the others [F, H, W]; or of one field, without F."""

    confidence: Array
    vector: Array
    bmin: Array
    scale: Array


def encode_cif(
    meta: Cif,
    truth: GroundTruth,
    *,
    size: tuple[int, int],
    valid_area: Array | None,
    options: EncoderOptions,
    bmin: float,
) -> Array:
    """Target [K, 5, H, W] float32: confidence, vector x, y to the keypoint, bmin, scale; all in cells; see `encode`.

    Every cell of the patch of ``cif_side_length`` squared cells around a keypoint gets confidence 1. Where patches
    overlap, the nearest keypoint has the cell, the earlier one at equal distance. Hidden keypoints count as visible.
    """
    keypoints, ignored = people(truth, meta.skeleton, stride=meta.stride, options=options)
    shape, side, layout = field_shape(size, meta.stride), options.cif_side_length, meta.target
    fields = background(layout, keypoints.shape[1], shape)
    components = layout.confidence, layout.vector(0), layout.bmin(0), layout.scale(0)
    region = Region(
        known_window(valid_area, meta.stride, shape),
        ignored_cells(ignored, float(meta.stride), (side - 1) / 2.0, *shape),
    )
    _fill(Cells(*(fields[:, component] for component in components)), region, keypoints, side, bmin / meta.stride)
    return fields


@jit
def _fill(cells: Cells, region: Region, keypoints: Array, side: int, bmin: float) -> None:
    distance = np.empty(cells.confidence.shape[1:], np.float32)
    for f in range(len(cells.confidence)):
        distance[:] = np.inf
        field = Cells(cells.confidence[f], cells.vector[f], cells.bmin[f], cells.scale[f])
        for i in range(len(region.ignored)):
            ignore(field.confidence, distance, region.ignored[i], region.window)
        for i in range(len(keypoints)):
            if keypoints[i, f, 2] > 0.0:
                _mark(field, distance, region.window, keypoints[i, f], side, bmin)


@jit
def _mark(field: Cells, distance: Array, window: Array, keypoint: Array, side: int, bmin: float) -> None:
    """Point at the keypoint (x, y, v, scale) from a square around it, where no earlier one is as near."""
    left = int(np.rint(keypoint[0] - (side - 1) / 2.0))
    top = int(np.rint(keypoint[1] - (side - 1) / 2.0))
    for y in range(max(top, window[1]), min(top + side, window[3])):
        for x in range(max(left, window[0]), min(left + side, window[2])):
            dx, dy = keypoint[0] - x, keypoint[1] - y
            length = np.float32(math.sqrt(dx * dx + dy * dy))
            if length < distance[y, x]:
                distance[y, x] = length
                field.confidence[y, x] = 1.0
                field.vector[0, y, x] = dx
                field.vector[1, y, x] = dy
                field.bmin[y, x] = bmin
                field.scale[y, x] = keypoint[3]

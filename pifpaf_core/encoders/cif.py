"""CIF targets: a patch of cells around each keypoint points at it (FIELDS section 5)."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from ..headmeta import Cif
from ..kernels import jit
from .areas import clear, field_shape, ignore, ignored_rectangles, known_window
from .options import EncoderOptions
from .people import people

Array = npt.NDArray[Any]


def encode_cif(meta: Cif, truth: GroundTruth, *, size: tuple[int, int], valid_area: Array | None,
               options: EncoderOptions, bmin: float) -> Array:
    """Target [K, 5, H, W] float32: confidence, vector x, y to the keypoint, bmin, scale; all in cells; see `encode`.

    Every cell of the patch of ``cif_side_length`` squared cells around a keypoint gets confidence 1. Where patches
    overlap, the nearest keypoint has the cell, the earlier one at equal distance. Hidden keypoints count as visible.
    """
    instances = people(truth, meta.skeleton, stride=meta.stride, options=options)
    side = options.cif_side_length
    height, width = field_shape(size, meta.stride)
    ignored = ignored_rectangles(instances.ignored, float(meta.stride), (side - 1) / 2.0, height, width)
    layout = meta.target
    fields = np.empty((len(meta.skeleton.keypoints), layout.n_components, height, width), np.float32)
    _fill(fields, layout.confidence, fields[:, layout.vector(0)], fields[:, layout.bmin(0)], fields[:, layout.scale(0)],
          instances.keypoints, instances.scales, np.array(meta.skeleton.sigmas), ignored,
          known_window(valid_area, meta.stride, (height, width)), side, bmin / meta.stride)
    return fields


@jit
def _fill(fields: Array, confidence: int, vector: Array, bmin: Array, scale: Array, keypoints: Array, scales: Array,
          sigmas: Array, ignored: Array, window: Array, side: int, bmin_value: float) -> None:
    distance = np.empty(fields.shape[2:], np.float32)
    for f in range(len(fields)):
        clear(fields[f], confidence, distance)
        for i in range(len(ignored)):
            ignore(fields[f, confidence], distance, ignored[i], window)
        for i in range(len(keypoints)):
            if keypoints[i, f, 2] > 0.0:
                _fill_patch(fields[f, confidence], vector[f], bmin[f], scale[f], distance, keypoints[i, f],
                            scales[i] * sigmas[f], window, side, bmin_value)


@jit
def _fill_patch(confidence: Array, vector: Array, bmin: Array, scale: Array, distance: Array, keypoint: Array,
                scale_value: float, window: Array, side: int, bmin_value: float) -> None:
    left = int(np.rint(keypoint[0] - (side - 1) / 2.0))
    top = int(np.rint(keypoint[1] - (side - 1) / 2.0))
    for y in range(max(top, window[1]), min(top + side, window[3])):
        for x in range(max(left, window[0]), min(left + side, window[2])):
            dx, dy = keypoint[0] - x, keypoint[1] - y
            length = np.float32(math.sqrt(dx * dx + dy * dy))
            if length < distance[y, x]:
                distance[y, x] = length
                confidence[y, x] = 1.0
                vector[0, y, x], vector[1, y, x] = dx, dy
                bmin[y, x] = bmin_value
                scale[y, x] = scale_value

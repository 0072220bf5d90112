"""CifDet targets: a patch of cells around the centre of each box points at it and knows its size (FIELDS section 7)."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from ..headmeta import CifDet
from ..kernels import jit
from .areas import clear, field_shape, ignore, ignored_rectangles, known_window
from .options import EncoderOptions

Array = npt.NDArray[Any]

SIDE = 5  # cells
SURE_DISTANCE = 2.0  # cells; farther from the centre the confidence is left open
MIN_WIDTH_FRACTION = 0.05  # of the shorter side of the box, as bmin
MIN_WIDTH = 1.0  # pixels, likewise


def encode_cifdet(meta: CifDet, truth: GroundTruth, *, size: tuple[int, int], valid_area: Array | None,
                  options: EncoderOptions, bmin: float) -> Array:
    """Target [F, 7, H, W] float32: confidence, vector to the centre, width, height, two bmin; in cells; see `encode`.

    The field is that of the category: ``category_id - 1``. A crowd's box is ignored in the field of its category only.
    ``options`` and ``bmin`` do not apply to boxes.

    Raises:
        ValueError: a category that the head does not have.
    """
    wrong = (truth.categories < 1) | (truth.categories > len(meta.categories))
    if wrong.any():
        raise ValueError(f"an annotation has category {truth.categories[wrong][0]}, head '{meta.name}' knows 1 to "
                         f'{len(meta.categories)}. Give annotations of these categories only')
    height, width = field_shape(size, meta.stride)
    boxes, crowd = truth.boxes.astype(np.float64), truth.crowd.astype(np.bool_)
    ignored = ignored_rectangles(boxes, float(meta.stride), (SIDE - 1) / 2.0, height, width)
    layout = meta.target
    fields = np.empty((len(meta.categories), layout.n_components, height, width), np.float32)
    _fill(fields, layout.confidence, fields[:, layout.vector(0)], fields[:, layout.vector(1)],
          fields[:, layout.bmin(0)], fields[:, layout.bmin(1)], boxes / meta.stride, crowd,
          truth.categories.astype(np.int64) - 1, ignored, known_window(valid_area, meta.stride, (height, width)),
          MIN_WIDTH / meta.stride)
    return fields


@jit
def _fill(fields: Array, confidence: int, center: Array, extent: Array, center_bmin: Array, extent_bmin: Array,
          boxes: Array, crowd: Array, indices: Array, ignored: Array, window: Array, min_width: float) -> None:
    distance = np.empty(fields.shape[2:], np.float32)
    for f in range(len(fields)):
        clear(fields[f], confidence, distance)
        for i in range(len(boxes)):
            if indices[i] == f and crowd[i]:
                ignore(fields[f, confidence], distance, ignored[i], window)
        for i in range(len(boxes)):
            if indices[i] == f and not crowd[i]:
                _fill_patch(fields[f, confidence], center[f], extent[f], center_bmin[f], extent_bmin[f], distance,
                            boxes[i], window, min_width)


@jit
def _fill_patch(confidence: Array, center: Array, extent: Array, center_bmin: Array, extent_bmin: Array,
                distance: Array, box: Array, window: Array, min_width: float) -> None:
    center_x, center_y = box[0] + box[2] / 2.0, box[1] + box[3] / 2.0
    left, top = int(np.rint(center_x - (SIDE - 1) / 2.0)), int(np.rint(center_y - (SIDE - 1) / 2.0))
    bmin = max(MIN_WIDTH_FRACTION * min(box[2], box[3]), min_width)
    for y in range(max(top, window[1]), min(top + SIDE, window[3])):
        for x in range(max(left, window[0]), min(left + SIDE, window[2])):
            dx, dy = center_x - x, center_y - y
            length = np.float32(math.sqrt(dx * dx + dy * dy))
            if length < distance[y, x]:
                distance[y, x] = length
                confidence[y, x] = 1.0 if length <= SURE_DISTANCE else np.nan
                center[0, y, x], center[1, y, x] = dx, dy
                extent[0, y, x], extent[1, y, x] = box[2], box[3]
                center_bmin[y, x], extent_bmin[y, x] = bmin, bmin

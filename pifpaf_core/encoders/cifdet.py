"""CifDet targets: a patch of cells around the centre of each box points at it and knows its size (FIELDS section 7)."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from ..headmeta import CifDet
from ..kernels import jit
from .areas import Region, background, field_shape, ignore, ignored_cells, known_window
from .options import EncoderOptions

Array = npt.NDArray[Any]

SIDE = 5  # cells
SURE_DISTANCE = 2.0  # cells; farther from the centre the confidence is left open
BMIN_FRACTION = 0.05  # of the shorter side of the box
BMIN_PIXELS = 1.0  # at least


class Cells(NamedTuple):
    """Views of the components of all fields: vectors [F, 2, H, W], the others [F, H, W]; or of one field, without F."""

    confidence: Array
    center: Array
    extent: Array
    center_bmin: Array
    extent_bmin: Array


def encode_cifdet(
    meta: CifDet,
    truth: GroundTruth,
    *,
    size: tuple[int, int],
    valid_area: Array | None,
    options: EncoderOptions,
    bmin: float,
) -> Array:
    """Target [F, 7, H, W] float32: confidence, vector to the centre, width, height, two bmin; in cells; see `encode`.

    The field is that of the category: ``category_id - 1``. A crowd's box is ignored in the field of its category only.
    ``options`` and ``bmin`` do not apply to boxes.

    Raises:
        ValueError: a category that the head does not have.
    """
    wrong = (truth.categories < 1) | (truth.categories > len(meta.categories))
    if wrong.any():
        raise ValueError(
            f"an annotation has category {truth.categories[wrong][0]}, head '{meta.name}' knows 1 to "
            f'{len(meta.categories)}. Give annotations of these categories only'
        )
    crowd, indices = truth.crowd.astype(np.bool_), truth.categories.astype(np.int64) - 1
    boxes = truth.boxes.astype(np.float64)
    shape, layout = field_shape(size, meta.stride), meta.target
    fields = background(layout, len(meta.categories), shape)
    components = layout.confidence, layout.vector(0), layout.vector(1), layout.bmin(0), layout.bmin(1)
    region = Region(
        known_window(valid_area, meta.stride, shape),
        ignored_cells(boxes[crowd], float(meta.stride), (SIDE - 1) / 2.0, *shape),
    )
    cells = Cells(*(fields[:, component] for component in components))
    things = boxes[~crowd] / meta.stride
    _fill(cells, region, indices[crowd], things, indices[~crowd], BMIN_PIXELS / meta.stride)
    return fields


@jit
def _fill(cells: Cells, region: Region, ignored_in: Array, boxes: Array, boxes_in: Array, min_bmin: float) -> None:
    """Fill the fields; ``ignored_in`` [M] and ``boxes_in`` [N] say to which one each rectangle and box belongs."""
    distance = np.empty(cells.confidence.shape[1:], np.float32)
    for f in range(len(cells.confidence)):
        distance[:] = np.inf
        field = Cells(cells.confidence[f], cells.center[f], cells.extent[f], cells.center_bmin[f], cells.extent_bmin[f])
        for i in range(len(ignored_in)):
            if ignored_in[i] == f:
                ignore(field.confidence, distance, region.ignored[i], region.window)
        for i in range(len(boxes)):
            if boxes_in[i] == f:
                _mark(field, distance, region.window, boxes[i], min_bmin)


@jit
def _mark(field: Cells, distance: Array, window: Array, box: Array, min_bmin: float) -> None:
    """Point at the centre of the box (x, y, w, h) from a square around it, where no earlier one is as near."""
    center_x, center_y = box[0] + box[2] / 2.0, box[1] + box[3] / 2.0
    left, top = int(np.rint(center_x - (SIDE - 1) / 2.0)), int(np.rint(center_y - (SIDE - 1) / 2.0))
    bmin = max(BMIN_FRACTION * min(box[2], box[3]), min_bmin)
    for y in range(max(top, window[1]), min(top + SIDE, window[3])):
        for x in range(max(left, window[0]), min(left + SIDE, window[2])):
            dx, dy = center_x - x, center_y - y
            length = np.float32(math.sqrt(dx * dx + dy * dy))
            if length < distance[y, x]:
                distance[y, x] = length
                field.confidence[y, x] = 1.0 if length <= SURE_DISTANCE else np.nan
                field.center[0, y, x], field.center[1, y, x] = dx, dy
                field.extent[0, y, x], field.extent[1, y, x] = box[2], box[3]
                field.center_bmin[y, x] = field.extent_bmin[y, x] = bmin

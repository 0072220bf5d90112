"""The geometric steps of an augmentation, composed into one matrix. FIELDS section 9, steps 2 to 7, and section 14."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .geometry import Size, clip_boxes, map_boxes, mirroring, rotated_size, rotation, scaling, translation

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the pixels of an image went so far.

    Attributes:
        matrix: [3, 3], original pixels -> pixels now.
        size: width and height now.
        valid_area: [4] xywh, the part that holds image.
        mirrored: whether left and right were exchanged.
    """

    matrix: Array
    size: Size
    valid_area: Array
    mirrored: bool = False

    @classmethod
    def of(cls, size: Size) -> 'Placement':
        """An image as it is stored."""
        return cls(np.eye(3), size, np.array([0.0, 0.0, size[0] - 1.0, size[1] - 1.0]))

    def then(self, matrix: Array, size: Size) -> 'Placement':
        """One more step, to an image of ``size``; what leaves the image is no longer valid."""
        area = clip_boxes(map_boxes(matrix, self.valid_area[None]), np.array([0.0, 0.0, size[0] - 1.0, size[1] - 1.0]))[
            0
        ]
        return replace(
            self, matrix=matrix @ self.matrix, size=size, valid_area=np.concatenate([area[:2], np.maximum(area[2:], 0)])
        )

    def flipped(self) -> 'Placement':
        """Left and right exchanged."""
        return replace(self.then(mirroring(self.size[0]), self.size), mirrored=not self.mirrored)

    def rescaled(self, scale: float, stretch: float) -> 'Placement':
        """Both sides times ``scale``, the width also times ``stretch``, in whole pixels."""
        size = max(1, int(self.size[0] * scale * stretch)), max(1, int(self.size[1] * scale))
        return self.then(scaling(self.size, size), size)

    def turned(self, angle: float) -> 'Placement':
        """Counter-clockwise by ``angle`` degrees, in an image large enough to lose nothing."""
        if angle == 0.0:
            return self
        size = rotated_size(angle, self.size)
        return self.then(rotation(angle, self.size, size), size)

    def cropped(self, edge: int, boxes: Array, margin: float, draw: Callable[[], float]) -> 'Placement':
        """A window of at most ``edge`` x ``edge`` pixels that favours what is in ``boxes``.

        Args:
            edge: side of the window; a shorter side of the image stays.
            boxes: [N, 4] xywh of the instances, in pixels now; without any, the whole valid area counts.
            margin: pixels around them that are of interest too.
            draw: gives numbers from 0 to 1, one an axis: the position within the range of useful windows.
        """
        interest = _interest(boxes, margin, self.valid_area)
        size = min(edge, self.size[0]), min(edge, self.size[1])
        left, top = (
            _offset(
                edge,
                self.size[i],
                (interest[i], interest[i] + interest[i + 2]),
                (self.valid_area[i], self.valid_area[i] + self.valid_area[i + 2]),
                draw(),
            )
            for i in (0, 1)
        )
        return self.then(translation(-left, -top), size)

    def padded(self, edge: int) -> 'Placement':
        """In the middle of a square of ``edge`` pixels; an odd pixel goes right and below."""
        if self.size == (edge, edge):
            return self
        left, top = (int((edge - side) / 2) for side in self.size)
        return self.then(translation(left, top), (edge, edge))


def _interest(boxes: Array, margin: float, valid_area: Array) -> Array:
    """The box [4] around all boxes and their margin, within the valid area."""
    if not len(boxes):
        return valid_area
    low = (boxes[:, :2] - margin).min(axis=0)
    high = (boxes[:, :2] + boxes[:, 2:] + margin).max(axis=0)
    inside = clip_boxes(np.concatenate([low, high - low])[None], valid_area)[0]
    return inside if (inside[2:] > 0).all() else valid_area


def _offset(edge: int, size: int, interest: tuple[float, float], valid: tuple[float, float], position: float) -> int:
    """First pixel of the window along one axis: from ``lo`` to ``hi``, within the valid area and the image."""
    if size <= edge:
        return 0
    span = edge - 1
    lo, hi = sorted((interest[0], interest[1] - span))
    if valid[1] - valid[0] > span:
        lo, hi = (min(max(v, valid[0]), valid[1] - span) for v in (lo, hi))
    lo, hi = (min(max(v, 0.0), size - edge) for v in (lo, hi))
    return min(max(math.floor(lo + (hi - lo) * position + 0.5), 0), size - edge)

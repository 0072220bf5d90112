"""From an image to a network input without randomness: the one way for evaluation, prediction and plain training."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from .geometry import Size, map_boxes, map_truth, rotated_size, rotation, scaling, translation
from .sample import ImageMeta, Sample
from .warp import FILL, Colour, Resample, warp

Array = npt.NDArray[Any]
Padding = Literal['tight', 'square']


@dataclass(frozen=True)
class Preprocess:
    """Rescale to a long edge and pad, deterministically. CONTRACTS section 4, FIELDS section 13.

    Attributes:
        long_edge: pixels of the longer side after rescaling; None or 0 keeps the image's size.
        padding: ``tight`` pads each side to the next n * 16 + 1; ``square`` pads both to the long edge.
        resample: ``linear`` (corner-aligned bilinear) or ``area`` (anti-aliased).
        quarter_turns: turn the image counter-clockwise by so many times 90 degrees first.
    """

    long_edge: int | None = None
    padding: Padding = 'tight'
    resample: Resample = 'linear'
    quarter_turns: int = 0

    def __post_init__(self) -> None:
        if self.long_edge is not None and (self.long_edge < 0 or self.long_edge == 1):
            raise ValueError(
                f'a long edge of {self.long_edge} pixels makes no image. Give e.g. 641, or 0 to keep sizes'
            )

    def __call__(
        self,
        image: Array,
        truth: GroundTruth | None = None,
        *,
        image_id: int = 0,
        file_name: str = '',
        dataset: str = '',
        fill: Colour = FILL,
    ) -> Sample:
        """The network input of an image [H, W, 3] uint8 RGB, with its ground truth (none by default) and its meta.

        The padding has the colour ``fill``, always the same one in evaluation and prediction.
        """
        original = (image.shape[1], image.shape[0])
        matrix, inner, size = self.plan(original)
        left, top = (int((outer - within) / 2) for outer, within in zip(size, inner, strict=True))
        matrix = translation(left, top) @ matrix
        meta = ImageMeta(
            image_id=image_id,
            file_name=file_name,
            dataset=dataset,
            original_size=original,
            size=size,
            matrix=matrix,
            valid_area=map_boxes(matrix, np.array([[0.0, 0.0, original[0] - 1.0, original[1] - 1.0]]))[0],
        )
        moved = map_truth(matrix, truth) if truth is not None else GroundTruth.empty(0)
        return Sample(warp(image, matrix, size, fill=fill, resample=self.resample), moved, meta)

    def plan(self, original: Size) -> tuple[Array, Size, Size]:
        """For an image of ``original`` size: the matrix [3, 3] before padding, the size before and after padding."""
        angle = 90.0 * (self.quarter_turns % 4)
        turned = rotated_size(angle, original)
        scale = self.long_edge / max(turned) if self.long_edge else 1.0
        inner = tuple(max(1, side if not self.long_edge else self._side(side, scale, max(turned))) for side in turned)
        inner_size = (inner[0], inner[1])
        matrix = scaling(turned, inner_size) @ rotation(angle, original, turned)
        return matrix, inner_size, self._padded(inner_size)

    def _side(self, side: int, scale: float, longest: int) -> int:
        return int(self.long_edge or side) if side == longest else int(side * scale)

    def _padded(self, inner: Size) -> Size:
        if self.padding == 'square':
            return (max(inner), max(inner))
        return (_tight(inner[0]), _tight(inner[1]))

    def turned(self, quarter_turns: int) -> 'Preprocess':
        """The same with another number of quarter turns."""
        return replace(self, quarter_turns=quarter_turns)


def _tight(side: int) -> int:
    """The next n * 16 + 1."""
    return -(-(side - 1) // 16) * 16 + 1

"""Training samples: one random affine warp, then colours. A recipe is data, so that data sets differ in numbers only.

The steps are those of FIELDS section 9 with the repairs of section 14; a recipe's defaults are cocokp's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..annotation import GroundTruth
from .colour import ColourRecipe, blur
from .geometry import clip_boxes, map_boxes, map_truth
from .placement import Placement
from .randomness import random_grey
from .sample import ImageMeta, Sample
from .warp import Resample, warp

Array = npt.NDArray[Any]

COLOURS = ColourRecipe()


@dataclass(frozen=True)
class Augmentation:
    """A random function from an image and its annotations to a training sample.

    Attributes:
        edge: side in pixels of the sample, a square.
        mirror: of the skeleton: for each keypoint the one whose place it takes in a mirrored image; None if none does.
        flip: probability of mirroring.
        scale: range of the scale, log-uniform.
        rescale: further factor of the scale.
        stretch: range of a further factor of the width, uniform.
        quarter_turn: probability of a turn by 0, 90, 180 or 270 degrees.
        rotation: largest rotation in degrees, uniform in both directions.
        rotation_probability: of such a rotation, where there is no quarter turn.
        blur: probability of a Gaussian blur.
        blur_sigma: largest sigma of it in pixels.
        margin: pixels around the annotated boxes that a crop should see.
        min_size: boxes that end up with a side below this many pixels become crowds.
        min_visible: boxes of which less than this share of the area is left become crowds.
        colours: what happens to colours.
        resample: see `warp`.
    """

    edge: int
    mirror: tuple[int, ...] | None = None
    flip: float = 0.5
    scale: tuple[float, float] = (0.4, 2.0)
    rescale: float = 1.0
    stretch: tuple[float, float] = (0.75, 1.33)
    quarter_turn: float = 0.0
    rotation: float = 30.0
    rotation_probability: float = 0.4
    blur: float = 0.0
    blur_sigma: float = 5.0
    margin: float = 50.0
    min_size: float = 0.0
    min_visible: float = 0.0
    colours: ColourRecipe = COLOURS
    resample: Resample = 'linear'

    def __call__(
        self,
        image: Array,
        truth: GroundTruth,
        rng: np.random.Generator,
        *,
        image_id: int = 0,
        file_name: str = '',
        dataset: str = '',
    ) -> Sample:
        """One sample.

        Args:
            image: [H, W, 3] uint8 RGB.
            truth: in pixels of the image.
            rng: decides everything.
            image_id: for the sample's meta, as the following.
            file_name: of the image.
            dataset: name of the data module.
        """
        placement = self.place((image.shape[1], image.shape[0]), truth, rng)
        result = warp(image, placement.matrix, placement.size, fill=random_grey(rng), resample=self.resample)
        if rng.random() < self.blur:
            blur(result, rng.uniform(0.0, self.blur_sigma), placement.valid_area)
        meta = ImageMeta(
            image_id=image_id,
            file_name=file_name,
            dataset=dataset,
            original_size=(image.shape[1], image.shape[0]),
            size=placement.size,
            matrix=placement.matrix,
            valid_area=placement.valid_area,
            mirrored=placement.mirrored,
        )
        return Sample(self.colours(result, rng), self._truth(truth, placement), meta)

    def place(self, size: tuple[int, int], truth: GroundTruth, rng: np.random.Generator) -> Placement:
        """All geometry of one sample, for an image of ``size`` (width, height)."""
        placement = Placement.of(size)
        if rng.random() < self.flip:
            placement = placement.flipped()
        low, high = np.log(self.scale)
        placement = placement.rescaled(float(np.exp(rng.uniform(low, high))) * self.rescale, rng.uniform(*self.stretch))
        placement = placement.turned(self._angle(rng))
        boxes = map_boxes(placement.matrix, truth.boxes[~truth.crowd])
        placement = placement.cropped(
            self.edge, boxes, self.margin, lambda: float(np.clip(rng.uniform(-0.1, 1.1), 0.0, 1.0))
        )
        return placement.padded(self.edge)

    def _angle(self, rng: np.random.Generator) -> float:
        if rng.random() < self.quarter_turn:
            return 90.0 * int(rng.integers(4))
        if rng.random() < self.rotation_probability:
            return float(rng.uniform(-self.rotation, self.rotation))
        return 0.0

    def _truth(self, truth: GroundTruth, placement: Placement) -> GroundTruth:
        """In pixels of the sample: boxes cut to the visible part, people gone with them; keypoints may lie outside."""
        moved = map_truth(placement.matrix, truth, mirror=self.mirror if placement.mirrored else None)
        boxes = clip_boxes(moved.boxes, placement.valid_area)
        left = np.maximum(boxes[:, 2], 0.0) * np.maximum(boxes[:, 3], 0.0)
        small = boxes[:, 2:].min(axis=1, initial=np.inf) < self.min_size
        cut = left < self.min_visible * moved.boxes[:, 2] * moved.boxes[:, 3]
        clipped = GroundTruth(moved.keypoints, boxes, moved.crowd | small | cut, moved.categories)
        return clipped.selected(np.flatnonzero((boxes[:, 2:] > 0.0).all(axis=1)))

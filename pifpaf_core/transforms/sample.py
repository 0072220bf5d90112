"""What a transform takes and gives: an image, its ground truth, and how its pixels came from the file's."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ..annotation import GroundTruth

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ImageMeta:
    """Where a network input came from.

    Attributes:
        image_id: COCO's id of the image; 0 where there is none.
        file_name: path of the image file, for messages and outputs.
        dataset: name of the data module; empty for images given by hand.
        original_size: width and height of the file in pixels.
        size: width and height of the network input in pixels.
        matrix: [3, 3] float64, original pixels -> input pixels, homogeneous (pixel centres at integers).
        valid_area: [4] float64, x, y, width, height in input pixels that hold image and not padding.
        mirrored: whether left and right were exchanged.
    """

    image_id: int
    file_name: str
    dataset: str
    original_size: tuple[int, int]
    size: tuple[int, int]
    matrix: Array
    valid_area: Array
    mirrored: bool = False


@dataclass(frozen=True, eq=False)
class Sample:
    """One network input.

    Attributes:
        image: [H, W, 3] uint8, RGB, contiguous.
        truth: annotated instances in input pixels; no instance where nothing is known.
        meta: where the image came from.
    """

    image: Array
    truth: GroundTruth
    meta: ImageMeta

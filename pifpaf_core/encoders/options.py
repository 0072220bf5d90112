"""What a user can choose about target fields."""

from dataclasses import dataclass

from ..options import option


@dataclass(frozen=True)
class EncoderOptions:
    """Encoders.

    Raises:
        ValueError: a size below one cell or a negative aspect ratio.
    """

    cif_side_length: int = option(4, 'side length in cells of the patch that a keypoint fills in a CIF field')
    caf_min_size: int = option(3, 'width in cells of a connection in a CAF field, and at least that')
    caf_fixed_size: bool = option(False, 'mark only the middle of a connection in a CAF field')
    caf_aspect_ratio: float = option(0.0, 'width of a connection relative to its length in a CAF field')
    suppress_selfhidden: bool = option(
        True,
        'keep hidden keypoints that lie close to the same visible keypoint of somebody else',
        flag='--encoder-no-suppress-selfhidden',
    )
    suppress_invisible: bool = option(
        False, 'leave out all keypoints that are not visible', flag='--encoder-suppress-invisible'
    )
    suppress_collision: bool = option(
        False, 'leave out keypoints of the same kind that lie close together', flag='--encoder-suppress-collision'
    )

    def __post_init__(self) -> None:
        if self.cif_side_length < 1:
            raise ValueError(f'--cif-side-length is {self.cif_side_length}. Give at least 1')
        if self.caf_min_size < 1:
            raise ValueError(f'--caf-min-size is {self.caf_min_size}. Give at least 1')
        if not self.caf_aspect_ratio >= 0.0:
            raise ValueError(f'--caf-aspect-ratio is {self.caf_aspect_ratio}. Give 0 or more')

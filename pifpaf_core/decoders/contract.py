"""What a decoder is, and what it asks of the fields that it gets."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..annotation import Annotation, Array
from ..headmeta import HeadMeta


class Decoder(Protocol):
    """Makes annotations of the fields of one image.

    It keeps nothing of an image: equal fields give equal annotations, bit by bit. Several threads may call one decoder
    at a time.
    """

    @property
    def name(self) -> str:
        """As in ``--decoder``."""

    def __call__(self, fields: Sequence[Array]) -> list[Annotation]:
        """Decode one image.

        Args:
            fields: for each head of the network [F, C, H, W] float32 in inference layout, in cells. Cells whose
                regression is no number are passed over.

        Returns:
            Annotations in pixels of the network's input.

        Raises:
            ValueError: fields that the decoder's heads do not have.
        """


def checked_field(fields: Sequence[Array], meta: HeadMeta) -> Array:
    """The field of a head as kernels want it, [F, C, H, W] float32 and contiguous.

    Raises:
        ValueError: there is none, or it has another shape.
    """
    assert meta.index is not None, f"head '{meta.name}' is not bound to a network"
    expected = (meta.n_fields, meta.prediction.n_components)
    if meta.index >= len(fields):
        raise ValueError(
            f"there are {len(fields)} fields, but head '{meta.name}' is number {meta.index}. Give those of all heads"
        )
    field = np.ascontiguousarray(fields[meta.index], np.float32)
    if field.ndim != 4 or field.shape[:2] != expected or 0 in field.shape:
        raise ValueError(
            f"the field of head '{meta.name}' has shape {list(field.shape)}. "
            f'Give [{expected[0]}, {expected[1]}, H, W], one image in inference layout'
        )
    return field


def image_size(field: Array, stride: int) -> tuple[int, int]:
    """Width and height in pixels from the first to the last cell of a field [F, C, H, W]."""
    return (field.shape[3] - 1) * stride + 1, (field.shape[2] - 1) * stride + 1

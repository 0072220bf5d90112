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


class FieldOf:
    """Takes the field of one head out of those of all heads, as kernels want it.

    Args:
        meta: the head, bound.
    """

    def __init__(self, meta: HeadMeta) -> None:
        assert meta.index is not None, f"head '{meta.name}' is not bound to a network"
        self._name, self._index = meta.name, meta.index
        self._expected = meta.n_fields, meta.prediction.n_components

    def __call__(self, fields: Sequence[Array]) -> Array:
        """The head's field, [F, C, H, W] float32 and contiguous.

        Raises:
            ValueError: there is none, or it has another shape.
        """
        if self._index >= len(fields):
            raise ValueError(
                f"there are {len(fields)} fields, but head '{self._name}' is number {self._index}. "
                'Give those of all heads'
            )
        field = np.ascontiguousarray(fields[self._index], np.float32)
        if field.ndim != 4 or field.shape[:2] != self._expected or 0 in field.shape:
            raise ValueError(
                f"the field of head '{self._name}' has shape {list(field.shape)}. "
                f'Give [{self._expected[0]}, {self._expected[1]}, H, W], one image in inference layout'
            )
        return field


def image_size(field: Array, stride: int) -> tuple[int, int]:
    """Width and height in pixels from the first to the last cell of a field [F, C, H, W]."""
    return (field.shape[3] - 1) * stride + 1, (field.shape[2] - 1) * stride + 1

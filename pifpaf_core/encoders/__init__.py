"""Annotations to target fields: what a network should have predicted. Needs numpy and numba, not torch."""

from functools import singledispatch
from typing import Any

import numpy.typing as npt

from ..annotation import GroundTruth
from ..headmeta import Caf, Cif, CifDet, HeadMeta
from .caf import encode_caf
from .cif import encode_cif
from .cifdet import encode_cifdet
from .options import EncoderOptions

__all__ = ['EncoderOptions', 'encode']

Array = npt.NDArray[Any]
DEFAULT = EncoderOptions()


def encode(
    meta: HeadMeta,
    truth: GroundTruth,
    *,
    size: tuple[int, int],
    valid_area: Array | None = None,
    options: EncoderOptions = DEFAULT,
    bmin: float = 0.1,
) -> Array:
    """Target field of a head for the annotations of one image (FIELDS sections 4 to 7).

    Args:
        meta: of the head, bound to a network (so that its stride is known).
        truth: annotations in pixels of the network's input.
        size: width, height in pixels of the network's input.
        valid_area: [4] x, y, width, height in pixels: the part of the input that is image and no padding; None is all
            of it. Outside, the confidence is 0 and the rest NaN.
        options: how instances and keypoints become cells.
        bmin: smallest width b in pixels that the regression loss may assume, for `Cif` and `Caf`.

    Returns:
        [F, T, H, W] float32 with the components of ``meta.target``, lengths in cells. A NaN confidence means that the
        cell is ignored; any other NaN that the value is unknown there.

    Raises:
        ValueError: annotations that do not belong to this head.
    """
    return _encode(meta, truth, size=size, valid_area=valid_area, options=options, bmin=bmin)


@singledispatch
def _encode(
    meta: HeadMeta,
    truth: GroundTruth,
    *,
    size: tuple[int, int],
    valid_area: Array | None,
    options: EncoderOptions,
    bmin: float,
) -> Array:
    raise TypeError(f'no encoder is registered for {type(meta).__name__}')


_encode.register(Cif, encode_cif)
_encode.register(Caf, encode_caf)
_encode.register(CifDet, encode_cifdet)

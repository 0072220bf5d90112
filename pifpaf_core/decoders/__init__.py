"""Fields to poses and boxes. Needs numpy and numba, not torch."""

from .contract import Decoder
from .options import DecoderOptions
from .selection import decoders

__all__ = ['Decoder', 'DecoderOptions', 'decoders']

"""Images and their ground truth to network inputs; geometry is composed into one affine warp."""

from .preprocess import Padding, Preprocess
from .randomness import epoch_order, sample_generator
from .sample import ImageMeta, Sample
from .warp import FILL, Resample

__all__ = ['FILL', 'ImageMeta', 'Padding', 'Preprocess', 'Resample', 'Sample', 'epoch_order', 'sample_generator']

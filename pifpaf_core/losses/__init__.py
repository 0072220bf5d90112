"""What training minimizes: composite losses of fields, and their sum over heads."""

from .composite import CompositeLoss
from .multitask import MultiHeadLoss, NonFiniteLoss
from .options import LossOptions

__all__ = ['CompositeLoss', 'LossOptions', 'MultiHeadLoss', 'NonFiniteLoss']

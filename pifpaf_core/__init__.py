"""Composite fields for pose estimation: models, losses, encoders, decoders, training and evaluation.

Importing this package imports neither torch nor numba nor OpenCV; each module imports what it needs.
"""

"""Resampling of images by an affine matrix: exact corner-aligned bilinear. CONTRACTS section 4, FIELDS section 9."""

import math
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from ..kernels import jit
from .geometry import Size

Array = npt.NDArray[Any]
Resample = Literal['linear', 'area']

FILL = (124, 116, 104)
"""The colour of padding where nothing random is wanted: ImageNet's mean."""

_EDGE = 1e-6  # pixels by which rounding may carry the image's own last row or column outside


def warp(
    image: Array, matrix: Array, size: Size, *, fill: tuple[int, int, int] = FILL, resample: Resample = 'linear'
) -> Array:
    """The image seen through ``matrix``.

    Args:
        image: [H, W, 3] uint8, contiguous.
        matrix: [3, 3], pixels of ``image`` -> pixels of the result.
        size: width and height of the result.
        fill: colour of the pixels that lie outside the image.
        resample: ``linear`` is bilinear between the four neighbours, without anti-aliasing, rounded by floor(v + 0.5);
            ``area`` first averages the image down where it shrinks.

    Returns:
        [size[1], size[0], 3] uint8.
    """
    if resample == 'area':
        image, matrix = _averaged(image, matrix)
    inverse = np.linalg.inv(matrix)
    result = np.empty((size[1], size[0], 3), np.uint8)
    colour = np.array(fill, np.uint8)
    if inverse[0, 1] == 0.0 and inverse[1, 0] == 0.0:
        columns, column_weights = _taps(inverse[0, 0], inverse[0, 2], size[0], image.shape[1])
        rows, row_weights = _taps(inverse[1, 1], inverse[1, 2], size[1], image.shape[0])
        _warp_straight(image, columns, column_weights, rows, row_weights, colour, result)
    else:
        _warp_affine(image, inverse, colour, _EDGE, result)
    return result


def _averaged(image: Array, matrix: Array) -> tuple[Array, Array]:
    """Shrink by averaging to about the scale of the result; the rest of the matrix is then a move at scale one."""
    height, width = image.shape[:2]
    scale_x, scale_y = (min(1.0, math.hypot(matrix[0, i], matrix[1, i])) for i in (0, 1))
    small = max(1, round(width * scale_x)), max(1, round(height * scale_y))
    if small == (width, height):
        return image, matrix
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    # averaging makes areas share edges, not centres
    rx, ry = width / small[0], height / small[1]
    to_full = np.array([[rx, 0.0, (rx - 1) / 2], [0.0, ry, (ry - 1) / 2], [0.0, 0.0, 1.0]])
    return shrunk, matrix @ to_full


def _taps(step: float, start: float, n: int, length: int) -> tuple[Array, Array]:
    """For n pixels along an axis: left neighbours [n] int64, -1 outside, and the right ones' weights [n] float32."""
    position = start + step * np.arange(n)
    inside = (position >= -_EDGE) & (position <= length - 1 + _EDGE)
    position = np.clip(position, 0, length - 1)
    left = np.minimum(position.astype(np.int64), max(0, length - 2))
    return np.where(inside, left, -1), (position - left).astype(np.float32)


@jit
def _warp_straight(
    image: Array, columns: Array, column_weights: Array, rows: Array, row_weights: Array, fill: Array, result: Array
) -> None:
    """No rotation: neighbours and weights are those of whole columns and rows."""
    right = 1 if image.shape[1] > 1 else 0
    below = 1 if image.shape[0] > 1 else 0
    half = np.float32(0.5)
    for y in range(result.shape[0]):
        top = rows[y]
        if top < 0:
            for x in range(result.shape[1]):
                for c in range(3):
                    result[y, x, c] = fill[c]
            continue
        upper, lower, wy = image[top], image[top + below], row_weights[y]
        for x in range(result.shape[1]):
            left = columns[x]
            if left < 0:
                for c in range(3):
                    result[y, x, c] = fill[c]
                continue
            wx = column_weights[x]
            for c in range(3):
                a, b = np.float32(upper[left, c]), np.float32(upper[left + right, c])
                d, e = np.float32(lower[left, c]), np.float32(lower[left + right, c])
                a += (b - a) * wx
                d += (e - d) * wx
                result[y, x, c] = np.uint8(a + (d - a) * wy + half)


@jit
def _warp_affine(image: Array, inverse: Array, fill: Array, edge: float, result: Array) -> None:
    """Any affine map, pixel by pixel."""
    height, width = image.shape[0], image.shape[1]
    right = 1 if width > 1 else 0
    below = 1 if height > 1 else 0
    half = np.float32(0.5)
    for y in range(result.shape[0]):
        u0 = inverse[0, 1] * y + inverse[0, 2]
        v0 = inverse[1, 1] * y + inverse[1, 2]
        for x in range(result.shape[1]):
            u = inverse[0, 0] * x + u0
            v = inverse[1, 0] * x + v0
            if u < -edge or v < -edge or u > width - 1 + edge or v > height - 1 + edge:
                for c in range(3):
                    result[y, x, c] = fill[c]
                continue
            u = min(max(u, 0.0), width - 1.0)
            v = min(max(v, 0.0), height - 1.0)
            left = min(int(u), max(width - 2, 0))
            top = min(int(v), max(height - 2, 0))
            wx, wy = np.float32(u - left), np.float32(v - top)
            for c in range(3):
                a, b = np.float32(image[top, left, c]), np.float32(image[top, left + right, c])
                d, e = np.float32(image[top + below, left, c]), np.float32(image[top + below, left + right, c])
                a += (b - a) * wx
                d += (e - d) * wx
                result[y, x, c] = np.uint8(a + (d - a) * wy + half)

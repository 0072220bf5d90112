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

Colour = tuple[int, int, int]
FILL: Colour = (124, 116, 104)
"""The colour of padding where nothing random is wanted: ImageNet's mean."""

_EDGE = 1e-6  # pixels by which rounding may carry the image's own last row or column outside


def warp(image: Array, matrix: Array, size: Size, *, fill: Colour = FILL, resample: Resample = 'linear') -> Array:
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
    margin = np.array([_EDGE, _EDGE])
    if resample == 'area':
        original = image.shape
        image, matrix = _averaged(image, matrix)
        margin += [0.5 - 0.5 * image.shape[i] / original[i] for i in (1, 0)]
    inverse = np.linalg.inv(matrix)
    height, width = image.shape[:2]
    result = np.empty((size[1], 3 * size[0]), np.uint8)
    result[:] = np.tile(np.array(fill, np.uint8), size[0])
    if inverse[0, 1] == 0.0 and inverse[1, 0] == 0.0:
        columns = _taps(inverse[0, 0], inverse[0, 2], size[0], width, margin[0])
        rows = _taps(inverse[1, 1], inverse[1, 2], size[1], height, margin[1])
        _warp_straight(image.reshape(height, -1), *columns, *rows, result)
    else:
        _warp_affine(image.reshape(-1), width, height, inverse, margin, result)
    return result.reshape(size[1], size[0], 3)


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


def _taps(step: float, start: float, n: int, length: int, margin: float) -> tuple[int, Array, Array]:
    """Where n pixels along an axis lie between the ``length`` pixels of the image; ``margin`` beyond them still counts.

    Returns:
        The first pixel that lies inside; for it and the following ones inside the left neighbour [m] uint32 and the
        weight of the right neighbour [m] float32.
    """
    position = start + step * np.arange(n)
    inside = np.flatnonzero((position >= -margin) & (position <= length - 1 + margin))
    position = np.clip(position[inside], 0.0, length - 1.0)
    left = np.clip(position.astype(np.int64), 0, max(0, length - 2))
    return int(inside[0]) if len(inside) else n, left.astype(np.uint32), (position - left).astype(np.float32)


# Unsigned indices: with signed ones numba looks for negative ones at each access, which halves the speed.


@jit
def _warp_straight(
    lines: Array,
    first_column: int,
    columns: Array,
    column_weights: Array,
    first_row: int,
    rows: Array,
    row_weights: Array,
    result: Array,
) -> None:
    """No rotation: each line of the image is interpolated across once, then pairs of lines are.

    Args:
        lines: [H, 3 W] uint8.
        first_column: see `_taps`, as the following.
        columns: [m] left neighbours.
        column_weights: [m] of their right neighbours.
        first_row: see `_taps`, as the following.
        rows: [n] upper neighbours.
        row_weights: [n] of their lower neighbours.
        result: [size, 3 size] uint8, filled where the image does not reach.
    """
    n = np.uintp(3 * len(columns))
    below = np.uintp(1 if lines.shape[0] > 1 else 0)
    right = np.uintp(3 if lines.shape[1] > 3 else 0)
    upper, lower = np.empty(n, np.float32), np.empty(n, np.float32)
    known_upper = known_lower = np.uintp(lines.shape[0])
    for i in range(len(rows)):
        top, weight = np.uintp(rows[i]), row_weights[i]
        if known_lower == top and known_upper != top:
            upper, lower, known_upper, known_lower = lower, upper, known_lower, known_upper
        if known_upper != top:
            _across(lines[top], columns, column_weights, right, upper)
            known_upper = top
        if known_lower != top + below:
            _across(lines[top + below], columns, column_weights, right, lower)
            known_lower = top + below
        row = result[first_row + i, 3 * first_column :]
        for k in range(n):
            row[k] = np.uint8(np.int32(upper[k] + (lower[k] - upper[k]) * weight + np.float32(0.5)))


@jit
def _across(line: Array, columns: Array, weights: Array, right: Any, result: Array) -> None:
    """Interpolate along one line [3 W] into [3 m] float32."""
    for x in range(np.uintp(len(columns))):
        at, to, weight = np.uintp(3) * np.uintp(columns[x]), np.uintp(3) * x, weights[x]
        for c in range(np.uintp(3)):
            a, b = np.float32(line[at + c]), np.float32(line[at + right + c])
            result[to + c] = a + (b - a) * weight


@jit
def _warp_affine(pixels: Array, width: int, height: int, inverse: Array, margin: Array, result: Array) -> None:
    """Any affine map: for each row of the result first all neighbours and weights, then all pixels.

    Args:
        pixels: [3 W H] uint8.
        width: W.
        height: H.
        inverse: [3, 3], pixels of the result -> pixels of the image.
        margin: [2] pixels beyond the image, across and down, that still count as inside.
        result: [size, 3 size] uint8, filled where the image does not reach.
    """
    n = result.shape[1] // 3
    right, below = np.uintp(3 if width > 1 else 0), np.uintp(3 * width if height > 1 else 0)
    last_left, last_top = np.int32(max(width - 2, 0)), np.int32(max(height - 2, 0))
    neighbours, across, down = np.empty(n, np.uint32), np.empty(n, np.float32), np.empty(n, np.float32)
    for y in range(result.shape[0]):
        u0, v0 = inverse[0, 1] * y + inverse[0, 2], inverse[1, 1] * y + inverse[1, 2]
        first, last = _within(inverse[0, 0], u0, width - 1.0, margin[0], 0, n)
        first, last = _within(inverse[1, 0], v0, height - 1.0, margin[1], first, last)
        for x in range(np.uintp(first), np.uintp(last)):
            u = min(max(inverse[0, 0] * x + u0, 0.0), width - 1.0)
            v = min(max(inverse[1, 0] * x + v0, 0.0), height - 1.0)
            left, top = min(np.int32(u), last_left), min(np.int32(v), last_top)
            neighbours[x] = np.uint32((top * np.int32(width) + left) * np.int32(3))
            across[x], down[x] = np.float32(u - left), np.float32(v - top)
        row = result[y]
        for x in range(np.uintp(first), np.uintp(last)):
            wx, wy = across[x], down[x]
            for c in range(np.uintp(3)):
                at = np.uintp(neighbours[x]) + c
                a, b = np.float32(pixels[at]), np.float32(pixels[at + right])
                d, e = np.float32(pixels[at + below]), np.float32(pixels[at + below + right])
                a += (b - a) * wx
                d += (e - d) * wx
                row[np.uintp(3) * x + c] = np.uint8(np.int32(a + (d - a) * wy + np.float32(0.5)))


@jit
def _within(step: float, start: float, end: float, margin: float, first: int, last: int) -> tuple[int, int]:
    """The x from ``first`` to before ``last`` whose position ``start + step * x`` lies from 0 to ``end`` or near."""
    if step == 0.0:
        return (first, last) if -margin <= start <= end + margin else (first, first)
    low, high = (-margin - start) / step, (end + margin - start) / step
    if low > high:
        low, high = high, low
    first = max(first, min(math.ceil(low), last))
    return first, max(first, min(last, math.floor(high) + 1))

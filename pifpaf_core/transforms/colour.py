"""Random changes of colour, compression and sharpness; no geometry. FIELDS section 9, steps 4 and 8."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..kernels import jit

Array = npt.NDArray[Any]

LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class ColourRecipe:
    """How much the colours of training images vary.

    Attributes:
        brightness: factor uniform in 1 - brightness .. 1 + brightness; contrast and saturation likewise.
        contrast: distance from the image's mean luminance.
        saturation: distance from the pixel's luminance.
        hue: turn of the hue, uniform in -hue .. hue of a full circle.
        jpeg: probability of compression with ``jpeg_quality``.
        jpeg_quality: from 1 to 100.
        grey: probability of a grey image.
    """

    brightness: float = 0.4
    contrast: float = 0.1
    saturation: float = 0.4
    hue: float = 0.1
    jpeg: float = 0.1
    jpeg_quality: int = 50
    grey: float = 0.01

    def __call__(self, image: Array, rng: np.random.Generator) -> Array:
        """The image [H, W, 3] uint8 RGB with other colours; changes it in place where it can."""
        image = self._jittered(image, rng)
        if rng.random() < self.jpeg:
            image = compressed(image, self.jpeg_quality)
        if rng.random() < self.grey:
            mix_channels(image, np.tile(LUMA, (3, 1)), np.zeros(3))
        return image

    def _jittered(self, image: Array, rng: np.random.Generator) -> Array:
        """Brightness, contrast, saturation and hue in random order.

        All but hue are linear in the channels: they multiply until a hue comes, and are rounded and cut to 0..255 once.
        """
        mean = np.array(cv2.mean(image)[:3])
        mixing, offset = np.eye(3), np.zeros(3)
        for step in rng.permutation(4):
            if step == 3:
                mix_channels(image, mixing, offset)
                turn_hue(image, rng.uniform(-self.hue, self.hue))
                mean = np.array(cv2.mean(image)[:3])
                mixing, offset = np.eye(3), np.zeros(3)
                continue
            limit = (self.brightness, self.contrast, self.saturation)[step]
            factor = rng.uniform(1.0 - limit, 1.0 + limit)
            if step == 0:
                mixing, offset = factor * mixing, factor * offset
            elif step == 1:
                offset = factor * offset + (1.0 - factor) * LUMA @ (mixing @ mean + offset)
                mixing = factor * mixing
            else:
                towards = factor * np.eye(3) + (1.0 - factor) * np.tile(LUMA, (3, 1))
                mixing, offset = towards @ mixing, towards @ offset
        mix_channels(image, mixing, offset)
        return image


def mix_channels(image: Array, mixing: Array, offset: Array) -> None:
    """Replace each rgb of [H, W, 3] uint8 by ``mixing`` [3, 3] @ rgb + ``offset`` [3], rounded and cut to 0..255."""
    _mix(image.reshape(-1), mixing.astype(np.float32), (offset + 0.5).astype(np.float32))


@jit
def _mix(values: Array, mixing: Array, offset: Array) -> None:
    """On values [3 n] uint8, in place. Unsigned indices let the compiler use vectors."""
    m00, m01, m02 = mixing[0, 0], mixing[0, 1], mixing[0, 2]
    m10, m11, m12 = mixing[1, 0], mixing[1, 1], mixing[1, 2]
    m20, m21, m22 = mixing[2, 0], mixing[2, 1], mixing[2, 2]
    o0, o1, o2 = offset[0], offset[1], offset[2]
    low, high = np.float32(0.0), np.float32(255.0)
    for i in range(np.uintp(len(values) // 3)):
        at = np.uintp(3) * i
        second, third = at + np.uintp(1), at + np.uintp(2)
        r, g, b = np.float32(values[at]), np.float32(values[second]), np.float32(values[third])
        values[at] = np.uint8(np.int32(min(max(m00 * r + m01 * g + m02 * b + o0, low), high)))
        values[second] = np.uint8(np.int32(min(max(m10 * r + m11 * g + m12 * b + o1, low), high)))
        values[third] = np.uint8(np.int32(min(max(m20 * r + m21 * g + m22 * b + o2, low), high)))


def turn_hue(image: Array, turn: float) -> None:
    """Turn the hue of [H, W, 3] uint8 by ``turn`` of a full circle, in place; value and saturation (HSV) stay."""
    if turn != 0.0:
        _turn_hue(image.reshape(-1), np.float32(6.0 * (turn % 1.0)))


@jit
def _turn_hue(values: Array, turn: Any) -> None:
    """On values [3 n] uint8; the circle has six parts, and ``turn`` is from 0 to 6. Without branches, for vectors."""
    one, four, half = np.float32(1.0), np.float32(4.0), np.float32(0.5)
    for i in range(np.uintp(len(values) // 3)):
        at = np.uintp(3) * i
        second, third = at + np.uintp(1), at + np.uintp(2)
        r, g, b = np.float32(values[at]), np.float32(values[second]), np.float32(values[third])
        high, low = max(max(r, g), b), min(min(r, g), b)
        chroma = high - low
        part = one / max(chroma, one)
        hue = (
            (g - b) * part if r == high else ((b - r) * part + np.float32(2.0) if g == high else (r - g) * part + four)
        )
        hue += turn
        red, green, blue = _part(hue + np.float32(5.0)), _part(hue + np.float32(3.0)), _part(hue + one)
        values[at] = np.uint8(np.int32(high - chroma * red + half))
        values[second] = np.uint8(np.int32(high - chroma * green + half))
        values[third] = np.uint8(np.int32(high - chroma * blue + half))


@jit
def _part(hue: Any) -> Any:
    """How much of the chroma a channel lacks at a hue from 0 to 18, counted from where it lacks nothing."""
    six = np.float32(6.0)
    hue -= six * np.float32(np.int32(hue / six))
    return max(np.float32(0.0), min(min(hue, np.float32(4.0) - hue), np.float32(1.0)))


def compressed(image: Array, quality: int) -> Array:
    """The image after a round through JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    result: Array = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return result


def blur(image: Array, sigma: float, area: Array) -> None:
    """Blur the part of an image that lies in ``area`` [4] xywh by a Gaussian of ``sigma`` pixels, in place."""
    left, top = (max(0, int(np.floor(v))) for v in area[:2])
    right, bottom = (int(np.ceil(v)) + 1 for v in area[:2] + area[2:])
    part = image[top:bottom, left:right]
    if part.size and sigma > 0.0:
        part[:] = cv2.GaussianBlur(np.ascontiguousarray(part), (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)

"""One synthetic image: the scene over its backdrop, with shadows, and what a camera adds."""

import math
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from . import annotate, backdrop, scene
from .chance import Rng, generator
from .raster import Drawing, draw
from .scene import Scene

Image = npt.NDArray[np.uint8]
_COARSE = 3  # pixels of the image along each pixel of a shadow
_MIDDLE = 24
_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)])  # quantiles: bytes to normal numbers


def render(*, seed: int, index: int, size: tuple[int, int], image_id: int) -> tuple[Image, list[dict[str, Any]]]:
    """Image [H, W, 3], blue green red, and its COCO annotations: a function of ``seed``, ``index`` and ``size``."""
    rng = generator(seed, index)
    what = scene.sample(rng, size)
    image = backdrop.paint(rng, what.camera, what.farthest)
    _cast_shadows(image, what)
    drawing = draw(scene.meshes(what), what.camera, what.light)
    _compose(image, drawing)
    return _developed(rng, image), annotate.records(what, drawing, image_id=image_id)


def _cast_shadows(image: Image, what: Scene) -> None:
    """Darken the ground where people keep the lamp's light off, softly."""
    height, width = image.shape[:2]
    mask = np.zeros((height // _COARSE, width // _COARSE), np.uint8)
    for ends, widths in scene.shadows(what):
        corners = np.clip(ends / _COARSE, -2000, 2000).astype(int).tolist()
        for (start, end), thickness in zip(corners, (widths / _COARSE).tolist(), strict=True):
            cv2.line(mask, start, end, 255, min(max(int(thickness), 1), 40))
    if not mask.any():
        return
    strength = float(what.light.lamp.mean() / (what.light.lamp.mean() + what.light.sky.mean()))
    soft = cv2.convertScaleAbs(cv2.GaussianBlur(mask, (5, 5), 0.9), alpha=0.75 * strength)
    keep = np.uint8(255) - cv2.resize(soft, (width, height))
    cv2.multiply(image, cv2.merge([keep] * 3), image, 1 / 255)


def _compose(image: Image, drawing: Drawing) -> None:
    """Lay the drawing over the background."""
    part = image[drawing.region]
    if part.size:
        background = cv2.multiply(part, cv2.merge([np.uint8(255) - drawing.coverage] * 3), scale=1 / 255)
        cv2.add(background, drawing.colour, part)


def _developed(rng: Rng, image: Image) -> Image:
    """Lens blur, exposure and contrast, the sensor's noise, sometimes no colour."""
    if rng.random() < 0.35:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.1)))
    if rng.random() < 0.02:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    strength = min(rng.exponential(2.5), 9.0)
    grain = rng.integers(0, 256, image.shape[:2], np.uint8)
    table = np.clip(np.rint(_NORMAL * strength + _MIDDLE), 0, 2 * _MIDDLE).astype(np.uint8)
    noisy = cv2.add(image, cv2.merge([cv2.LUT(grain, table)] * 3))
    gain, gamma = rng.uniform(0.85, 1.12), math.exp(rng.normal(0, 0.15))
    level = np.clip(np.arange(256) - _MIDDLE, 0, 255) / (255 - _MIDDLE)
    return np.asarray(cv2.LUT(noisy, np.clip(255 * gain * level**gamma, 0, 255).astype(np.uint8)))

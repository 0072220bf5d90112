"""The camera: where it stands, where it looks, and what it sees of points in the world."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above the origin that looks along -z. Angles in degrees.

    Attributes:
        size: width, height of the image in pixels.
        focal: pixels.
        height: metres above the ground.
        pitch: downwards.
        roll: clockwise.
    """

    size: tuple[int, int]
    focal: float
    height: float
    pitch: float
    roll: float = 0.0

    @functools.cached_property
    def axes(self) -> Array:
        """[3, 3] rows: right, down, forward in the world."""
        p, r = math.radians(self.pitch), math.radians(self.roll)
        right, down = np.array([1.0, 0.0, 0.0]), np.array([0.0, -math.cos(p), math.sin(p)])
        forward = np.array([0.0, -math.sin(p), -math.cos(p)])
        return np.stack([math.cos(r) * right + math.sin(r) * down, -math.sin(r) * right + math.cos(r) * down, forward])

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels [..., 2] (pixel centres are integers) and depth [...] in metres of world points [..., 3]."""
        seen = (points - np.array([0.0, self.height, 0.0])) @ self.axes.T
        depth = seen[..., 2]
        centre = (np.array(self.size) - 1) / 2
        xy = seen[..., :2] * (self.focal / np.maximum(depth, 0.05))[..., None] + centre
        return xy, depth

    @property
    def horizon(self) -> float:
        """Row of the horizon in the middle of the image."""
        return (self.size[1] - 1) / 2 - self.focal * math.tan(math.radians(self.pitch))

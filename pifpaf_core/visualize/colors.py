"""Colors that are told apart: evenly spaced hues of equal lightness to the eye (OKLCH)."""

import colorsys
import math

from ..skeletons import Skeleton

RGB = tuple[float, float, float]


WARM, COOL, MIDDLE = (345.0, 85.0), (150.0, 315.0), (95.0, 125.0)
"""First and last hue, in degrees, of the connections of one side, of the other, and of those across the middle."""


def connection_colors(skeleton: Skeleton) -> list[RGB]:
    """[E] A color for each connection: one side of the body is warm, its mirror image cool.

    Neighbours also differ in lightness, so that adjacent limbs are told apart.
    """
    sides = _sides(skeleton)
    colors: list[RGB] = [(1.0, 1.0, 1.0)] * len(sides)
    for side, (first, last) in enumerate((WARM, COOL, MIDDLE)):
        members = [i for i, s in enumerate(sides) if s == side]
        span = (last - first) % 360.0
        for rank, i in enumerate(members):
            hue = first + span * rank / max(len(members) - 1, 1)
            colors[i] = oklch(0.66 if rank % 2 else 0.79, 0.20, hue)
    return colors


def keypoint_colors(skeleton: Skeleton) -> list[RGB]:
    """[K] A color for each keypoint: that of the first connection that ends there; white without one."""
    colors: list[RGB] = [(1.0, 1.0, 1.0)] * len(skeleton.keypoints)
    for pair, color in reversed(list(zip(skeleton.connections, connection_colors(skeleton), strict=True))):
        colors[pair[0]] = colors[pair[1]] = color
    return colors


def instance_color(index: int) -> RGB:
    """A color for instance ``index``; the golden angle keeps successive ones far apart."""
    return oklch(0.65, 0.19, 255.0 + 137.508 * index)


def oklch(lightness: float, chroma: float, hue: float) -> RGB:
    """The sRGB, in [0, 1], of an OKLCH color; the chroma is reduced until it can be shown. Source: B. Ottosson, 2020.

    Args:
        lightness: in [0, 1].
        chroma: 0 is grey.
        hue: in degrees.
    """
    while chroma > 0.0 and not all(-0.002 <= value <= 1.002 for value in _linear_rgb(lightness, chroma, hue)):
        chroma -= 0.005
    red, green, blue = (_gamma(min(1.0, max(0.0, value))) for value in _linear_rgb(lightness, max(0.0, chroma), hue))
    return red, green, blue


def darker(color: RGB, factor: float = 0.6) -> RGB:
    """The same hue with its value scaled down."""
    hue, saturation, value = colorsys.rgb_to_hsv(*color)
    return colorsys.hsv_to_rgb(hue, saturation, value * factor)


def _sides(skeleton: Skeleton) -> list[int]:
    """[E] 0 for a connection, 1 for its later mirror image, 2 for a connection that is its own mirror image."""
    seen: set[frozenset[int]] = set()
    sides = []
    for a, b in skeleton.connections:
        mirrored = frozenset((skeleton.mirror[a], skeleton.mirror[b]))
        sides.append(2 if mirrored == frozenset((a, b)) else 1 if mirrored in seen else 0)
        seen.add(frozenset((a, b)))
    return sides


def _linear_rgb(lightness: float, chroma: float, hue: float) -> RGB:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1.0 / 2.4) - 0.055

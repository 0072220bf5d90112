"""What synthetic people look like: build, skin, hair and clothes, drawn independently of each other."""

import colorsys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .chance import Rng, pick
from .skeleton import Body

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Looks:
    """One person's looks. Colours are [3] arrays, blue green red in [0, 255].

    Attributes:
        skin, hair, iris: colours.
        hairstyle: ``short``, ``long``, ``bun``, ``tail``, ``bald``, ``cap`` or ``hat``.
        headgear: colour of a cap or hat.
        beard, glasses, backpack: whether there is one.
        top, accent: colours of the upper garment and of its pattern.
        pattern: ``plain``, ``stripes``, ``columns``, ``checks``, ``yoke``, ``jacket`` or ``print``.
        sleeves: share of the arm that they cover, 0 to 2 (1 is the elbow).
        bottom: colour.
        legwear: share of the leg that it covers, 0 to 2 (1 is the knee).
        skirt: length relative to the thigh, 0 for trousers.
        loose: how far clothes stand off the body, as a factor on its radius.
        shoes, bag: colours.
    """

    skin: Array
    hair: Array
    iris: Array
    hairstyle: str
    headgear: Array
    beard: bool
    glasses: bool
    backpack: bool
    top: Array
    accent: Array
    pattern: str
    sleeves: float
    bottom: Array
    legwear: float
    skirt: float
    loose: float
    shoes: Array
    bag: Array


SKINS = (
    (189, 210, 245),
    (160, 190, 232),
    (133, 168, 219),
    (105, 142, 198),
    (77, 112, 168),
    (56, 82, 128),
    (42, 60, 92),
)
HAIRS = (
    (24, 24, 28),
    (32, 42, 62),
    (45, 66, 102),
    (60, 92, 140),
    (92, 140, 190),
    (130, 178, 215),
    (150, 150, 152),
    (48, 70, 150),
)
HAIRSTYLES = ('short', 'long', 'bun', 'tail', 'bald', 'cap', 'hat')
_HER_HAIRSTYLES = (0.15, 0.42, 0.11, 0.16, 0.01, 0.07, 0.08)
_HIS_HAIRSTYLES = (0.66, 0.04, 0.01, 0.02, 0.10, 0.12, 0.05)
PATTERNS = ('plain', 'stripes', 'columns', 'checks', 'yoke', 'jacket', 'print')


def sample_body(rng: Rng) -> Body:
    """An adult (85 %) or a child, slim to stout."""
    feminine = rng.random()
    child = rng.random() < 0.15
    stout = rng.gamma(2.0, 0.5) if rng.random() < 0.5 else 0.0
    return Body(
        height=rng.uniform(1.05, 1.45) if child else rng.normal(1.76 - 0.12 * feminine, 0.06),
        shoulders=0.109 - 0.012 * feminine + rng.normal(0, 0.002),
        hips=0.053 + 0.007 * feminine,
        legs=rng.normal(0.97 if child else 1.0, 0.02),
        head=rng.normal(0.92 if child else 1.0, 0.03),
        girth=rng.normal(0.95, 0.05) + 0.09 * stout,
        belly=0.012 * stout,
        bust=0.022 * feminine if feminine > 0.5 and not child else 0.0,
    )


def sample_looks(rng: Rng) -> Looks:
    """Skin, hair and clothes."""
    feminine = rng.random() < 0.5
    hairstyle = pick(rng, HAIRSTYLES, _HER_HAIRSTYLES if feminine else _HIS_HAIRSTYLES)
    skirt = rng.uniform(0.45, 1.6) if feminine and rng.random() < 0.35 else 0.0
    top = cloth_colour(rng)
    dress = skirt > 0 and rng.random() < 0.5
    return Looks(
        skin=np.array(SKINS[rng.integers(len(SKINS))]) * rng.uniform(0.93, 1.04),
        hair=np.array(HAIRS[rng.integers(len(HAIRS))]) * rng.uniform(0.8, 1.15),
        iris=np.array([(40, 50, 70), (120, 90, 50), (60, 90, 60)][rng.integers(3)], float),
        hairstyle=hairstyle,
        headgear=cloth_colour(rng),
        beard=not feminine and rng.random() < 0.25,
        glasses=rng.random() < 0.15,
        backpack=rng.random() < 0.1,
        top=top,
        accent=cloth_colour(rng),
        pattern=pick(rng, PATTERNS, (0.38, 0.14, 0.07, 0.08, 0.10, 0.13, 0.10)),
        sleeves=pick(rng, (0.06, 0.5, 0.62, 1.2, 1.93), (0.12, 0.35, 0.10, 0.06, 0.37)),
        bottom=top if dress else _trouser_colour(rng),
        legwear=pick(rng, (0.35, 0.8, 1.45, 1.93), (0.06, 0.28, 0.06, 0.60)) if not skirt else 0.12,
        skirt=skirt,
        loose=rng.uniform(1.03, 1.25),
        shoes=np.array([(35, 35, 38), (225, 228, 230), (50, 70, 110), (60, 60, 190)][rng.integers(4)], float)
        * rng.uniform(0.8, 1.1),
        bag=cloth_colour(rng),
    )


def cloth_colour(rng: Rng) -> Array:
    """Any hue, from grey to vivid, dark to light."""
    hue, saturation = rng.uniform(0, 180), 255 * rng.beta(1.3, 1.5)
    value = 255 * rng.uniform(0.16, 0.97)
    return from_hsv(hue, saturation, value)


def from_hsv(hue: float, saturation: float, value: float) -> Array:
    """A colour [3] from OpenCV's hue in [0, 180), saturation and value in [0, 255]."""
    red, green, blue = colorsys.hsv_to_rgb(hue / 180, min(saturation, 255) / 255, min(value, 255) / 255)
    return 255 * np.array([blue, green, red])


def _trouser_colour(rng: Rng) -> Array:
    if rng.random() < 0.35:
        return from_hsv(rng.uniform(102, 118), rng.uniform(70, 170), rng.uniform(50, 170))  # denim
    if rng.random() < 0.5:
        return np.full(3, rng.uniform(22, 90)) + rng.uniform(0, 14, 3)
    return cloth_colour(rng)

"""A synthetic person's head: skull, face, ears, hair. What makes front and back, left and right distinguishable."""

import numpy as np
import numpy.typing as npt

from .mesh import Builder
from .skeleton import Body, Bones, F, J
from .wardrobe import Looks

Array = npt.NDArray[np.float64]

# rows: up, half width, half depth, shift forward; metres from where the head sits on the neck
_SKULL = np.array([
    (0.233, 0.004, 0.005, -0.006),
    (0.226, 0.034, 0.044, -0.006),
    (0.208, 0.055, 0.072, -0.006),
    (0.180, 0.069, 0.090, -0.004),
    (0.148, 0.075, 0.097, -0.001),
    (0.115, 0.076, 0.097, 0.000),
    (0.085, 0.073, 0.091, 0.004),
    (0.055, 0.068, 0.080, 0.013),
    (0.030, 0.062, 0.068, 0.025),
    (0.008, 0.052, 0.050, 0.042),
    (-0.008, 0.034, 0.030, 0.057),
    (-0.016, 0.010, 0.010, 0.062),
])  # fmt: skip
_NOSE = np.array([(0.118, 0.006, 0.008, 0.090), (0.095, 0.009, 0.014, 0.094), (0.078, 0.014, 0.021, 0.096),
                  (0.068, 0.016, 0.018, 0.094), (0.063, 0.006, 0.006, 0.090)])  # fmt: skip
_EAR = np.array([(0.138, 0.003, 0.006, -0.006), (0.130, 0.010, 0.017, -0.006), (0.112, 0.012, 0.020, -0.006),
                 (0.090, 0.009, 0.014, -0.006), (0.080, 0.003, 0.005, -0.006)])  # fmt: skip
_LONG_HAIR = np.array([(0.190, 0.070, 0.055, -0.040), (0.120, 0.083, 0.055, -0.045), (0.040, 0.088, 0.045, -0.055),
                       (-0.050, 0.090, 0.040, -0.075), (-0.120, 0.075, 0.030, -0.080),
                       (-0.150, 0.020, 0.010, -0.080)])  # fmt: skip
_TAIL = np.array([(0.160, 0.012, 0.012, -0.100), (0.130, 0.030, 0.026, -0.120), (0.050, 0.030, 0.026, -0.130),
                  (-0.030, 0.022, 0.020, -0.125), (-0.070, 0.004, 0.004, -0.120)])  # fmt: skip
_WHITE, _DARK, _LIPS = np.array([225.0, 232, 235]), np.array([30.0, 28, 30]), np.array([0.41, 0.39, 0.63])
# rows: across, up, forward, half width, half height; eyeball, iris, pupil, brow of each side, then the mouth
_EYE = np.array([(0.032, 0.1180, 0.0915, 0.0155, 0.0085), (0.031, 0.1180, 0.0930, 0.0075, 0.0080),
                 (0.031, 0.1180, 0.0940, 0.0040, 0.0042), (0.033, 0.1375, 0.0950, 0.0190, 0.0042)])  # fmt: skip
_FACE = np.concatenate([_EYE, _EYE * (-1, 1, 1, 1, 1), [(0.0, 0.038, 0.0965, 0.0230, 0.0068)]])
_GLASSES = np.array([(0.034, 0.116, 0.1, 0.0270, 0.0195), (-0.034, 0.116, 0.1, 0.0270, 0.0195)])

# where the facial keypoints lie: across (to the left), up, forward; metres
FACIAL_KEYPOINTS = np.array([(0, 0.076, 0.116), (0.032, 0.118, 0.090), (-0.032, 0.118, 0.090), (0.080, 0.108, 0.002),
                             (-0.080, 0.108, 0.002)])  # fmt: skip


class _Head:
    """The head's own axes and size, and how to add parts given in metres of a standard head."""

    def __init__(self, builder: Builder, body: Body, bones: Bones) -> None:
        self.builder, self.size = builder, body.head
        self.origin = bones.joints[J['head']]
        self.x, self.y, self.z = bones.frames[F['head']].T

    def tube(self, rows: Array, colours: Array, *, shown: npt.NDArray[np.bool_] | None = None) -> None:
        """Rows are up, half width, half depth, shift forward."""
        centres = self.origin + self.size * (rows[:, :1] * self.y + rows[:, 3:] * self.z)
        self.builder.tube(centres, self.x, self.z, self.size * rows[:, 1], self.size * rows[:, 2], colours, shown=shown)

    def pair(self, rows: Array, across: float, colours: Array) -> None:
        """The same on both sides, ``across`` from the middle."""
        middle = self.origin + self.size * (rows[:, :1] * self.y + rows[:, 3:] * self.z)
        centres = middle + self.size * np.array([[[across]], [[-across]]]) * self.x
        self.builder.tube(centres, self.x, self.z, self.size * rows[:, 1], self.size * rows[:, 2], colours)

    def patches(self, rows: Array, colours: Array) -> None:
        """Flat ellipses that face forward, turned to the side the further they lie from the middle.

        Rows are across, up, forward, half width, half height.
        """
        across, up, forward, width, height = rows.T[..., None]
        centres = self.origin + self.size * (across * self.x + up * self.y + forward * self.z)
        sideways = self.size * width * (np.cos(6.0 * across) * self.x - np.sin(6.0 * across) * self.z)
        self.builder.patches(centres, sideways, self.size * np.broadcast_to(height * self.y, centres.shape), colours)


def add_head(builder: Builder, body: Body, looks: Looks, bones: Bones) -> None:
    """Add head, face, hair and headgear."""
    head = _Head(builder, body, bones)
    head.tube(_SKULL, _skull_colours(builder, looks))
    head.tube(_NOSE, looks.skin * 1.03)
    head.pair(_EAR, 0.077, looks.skin * 0.93)
    _add_face(head, looks)
    _add_hair(head, looks)


def _front(builder: Builder) -> Array:
    """[sides] angle of each face from straight ahead, 0 to pi."""
    return np.minimum(builder.middle, 2 * np.pi - builder.middle)


def _skull_colours(builder: Builder, looks: Looks) -> Array:
    """[11, sides, 3]: skin, hair where it grows, beard."""
    middle = 0.5 * (_SKULL[:-1, 0] + _SKULL[1:, 0])[:, None]
    angle = _front(builder)[None]
    colours = np.empty((len(_SKULL) - 1, builder.sides, 3))
    colours[:] = looks.skin
    if looks.hairstyle != 'bald':
        colours[_is_hairy(middle, angle)] = looks.hair
    if looks.beard:
        colours[(middle < 0.05) & (angle < 1.9) & ~((middle > 0.03) & (angle < 0.4))] = (
            0.7 * looks.hair + 0.3 * looks.skin
        )
    return colours


def _is_hairy(up: Array, angle: Array) -> npt.NDArray[np.bool_]:
    """Where hair grows: above the forehead, lower at the sides, down to the nape behind."""
    hairline = np.interp(angle, [0.0, 0.7, 1.1, 1.6, 1.9, np.pi], [0.178, 0.172, 0.150, 0.120, 0.045, 0.035])
    return np.asarray(up > hairline)


def _add_face(head: _Head, looks: Looks) -> None:
    brow, mouth = 0.55 * looks.hair + 0.25 * looks.skin, looks.skin * _LIPS
    rows, colours = _FACE, np.array([_WHITE, looks.iris, _DARK, brow, _WHITE, looks.iris, _DARK, brow, mouth])
    if looks.glasses:
        rows, colours = np.concatenate([rows, _GLASSES]), np.concatenate([colours, [_DARK + 25, _DARK + 25]])
    head.patches(rows, colours)


def _add_hair(head: _Head, looks: Looks) -> None:
    style = looks.hairstyle
    if style == 'bald':
        return
    if style in ('cap', 'hat'):
        _add_headgear(head, looks)
        return
    shell = _SKULL.copy()[:9]
    thickness = {'short': 1.07, 'long': 1.12, 'bun': 1.06, 'tail': 1.07}[style]
    shell[:, 1:3] *= thickness
    shell[:, 0] += 0.010 * (thickness - 1.0) / 0.07
    middle = 0.5 * (shell[:-1, 0] + shell[1:, 0])[:, None]
    head.tube(shell, looks.hair, shown=_is_hairy(middle, _front(head.builder)[None]))
    if style == 'long':
        head.tube(_LONG_HAIR, looks.hair * 0.92)
    elif style == 'bun':
        head.tube(_ball(0.165, -0.125, 0.042), looks.hair)
    elif style == 'tail':
        head.tube(_TAIL, looks.hair)


def _add_headgear(head: _Head, looks: Looks) -> None:
    crown = _SKULL.copy()[:5]
    crown[:, 1:3] *= 1.13
    crown[:, 0] += 0.016
    head.tube(crown, looks.headgear)
    if looks.hairstyle == 'hat':
        brim = np.array([(0.172, 0.085, 0.105, 0.0), (0.168, 0.135, 0.160, 0.0), (0.160, 0.085, 0.105, 0.0)])
        head.tube(brim, looks.headgear * 0.8)
    else:
        peak = np.array([(0.176, 0.030, 0.020, 0.105), (0.170, 0.062, 0.055, 0.115), (0.163, 0.030, 0.020, 0.105)])
        head.tube(peak, looks.headgear * 0.7)


def _ball(up: float, forward: float, radius: float) -> Array:
    angle = np.linspace(0.05, np.pi - 0.05, 6)
    height, size = up + radius * np.cos(angle), radius * np.sin(angle)
    return np.stack([height, size, size, np.full(6, forward)], axis=1)

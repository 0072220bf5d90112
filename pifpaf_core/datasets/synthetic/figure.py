"""A synthetic person's surface: trunk, limbs, head, hair and clothes around posed bones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .face import add_head
from .mesh import Builder, Mesh, cross
from .skeleton import Body, Bones, F, J
from .wardrobe import Looks

Array = npt.NDArray[np.float64]

# rows: position along y from the neck (chest) or the pelvis, half width, half depth, shift forward; in body heights
_CHEST = np.array([
    (0.014, 0.030, 0.030, 0.000),
    (0.000, 0.046, 0.038, -0.002),
    (-0.013, 0.076, 0.045, -0.003),
    (-0.030, 0.098, 0.052, -0.002),
    (-0.055, 0.097, 0.060, 0.002),
    (-0.085, 0.090, 0.066, 0.004),
    (-0.115, 0.085, 0.064, 0.004),
    (-0.145, 0.080, 0.060, 0.003),
    (-0.180, 0.077, 0.056, 0.002),
])  # fmt: skip
_PELVIS = np.array([
    (0.065, 0.079, 0.057, 0.002),
    (0.035, 0.088, 0.062, 0.000),
    (0.005, 0.097, 0.066, -0.004),
    (-0.020, 0.097, 0.061, -0.005),
    (-0.036, 0.082, 0.040, -0.006),
    (-0.048, 0.048, 0.026, -0.004),
    (-0.056, 0.000, 0.000, 0.000),
])  # fmt: skip
_BUST = np.array([0, 0, 0, 0.1, 0.6, 1.0, 0.55, 0.1, 0])
_BELLY = np.array([0, 0, 0, 0, 0, 0.1, 0.4, 0.8, 1.0]), np.array([1.0, 0.9, 0.6, 0.3, 0.1, 0, 0])
# rows: position along both bones of a limb (1 is the elbow or knee, 2 the wrist or ankle), radius in body heights
_ARM = np.array([(-0.13, 0.003), (-0.11, 0.014), (-0.05, 0.0245), (0.08, 0.0295), (0.25, 0.0295), (0.45, 0.0275),
                 (0.70, 0.0240), (0.88, 0.0225), (1.00, 0.0225), (1.12, 0.0240), (1.30, 0.0240), (1.60, 0.0190),
                 (1.85, 0.0155), (2.02, 0.0145)])  # fmt: skip
_LEG = np.array([(-0.02, 0.015), (0.03, 0.032), (0.10, 0.0450), (0.17, 0.0505),
                 (0.30, 0.0490), (0.50, 0.0440), (0.72, 0.0385),
                 (0.90, 0.0345), (1.00, 0.0330), (1.10, 0.0320), (1.28, 0.0345), (1.48, 0.0310), (1.72, 0.0235),
                 (1.92, 0.0205), (2.03, 0.0210)])  # fmt: skip
_HAND = np.array([(-0.08, 0.010, 0.013), (0.1, 0.011, 0.017), (0.35, 0.0115, 0.024), (0.55, 0.010, 0.024),
                  (0.8, 0.009, 0.020), (0.96, 0.007, 0.015), (1.02, 0.0, 0.0)])  # fmt: skip
# rows: forward, up, half width, half height; from the ankle, in body heights
_FOOT = np.array([(-0.034, -0.024, 0.0, 0.0), (-0.030, -0.022, 0.0175, 0.0165), (-0.012, -0.015, 0.021, 0.023),
                  (0.015, -0.018, 0.022, 0.021), (0.050, -0.025, 0.025, 0.0145), (0.085, -0.029, 0.0275, 0.0115),
                  (0.112, -0.031, 0.023, 0.009), (0.123, -0.032, 0.012, 0.006), (0.125, -0.032, 0.0, 0.0)])  # fmt: skip
# rows: down from the neck, half width, half depth; in body heights
_BACKPACK = np.array([(-0.009, 0.0, 0.0), (-0.010, 0.030, 0.020), (-0.015, 0.060, 0.035), (-0.060, 0.072, 0.045),
                      (-0.150, 0.075, 0.050), (-0.200, 0.065, 0.045), (-0.210, 0.040, 0.030),
                      (-0.211, 0.0, 0.0)])  # fmt: skip
# how thick the body is around joints that may touch the ground, in body heights
_THICKNESS = {
    'pelvis': 0.066, 'waist': 0.060, 'neck': 0.055, 'head': 0.050, 'crown': 0.030, 'l_knee': 0.034, 'r_knee': 0.034,
    'l_elbow': 0.023, 'r_elbow': 0.023, 'l_hand': 0.012, 'r_hand': 0.012, 'l_shoulder': 0.030, 'r_shoulder': 0.030,
    'l_hip': 0.050, 'r_hip': 0.050,
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Bones, build and looks of one person, placed in the world."""

    body: Body
    looks: Looks
    bones: Bones


def build(person: Person, *, sides: int) -> Mesh:
    """The person's surface; ``sides`` faces around each limb."""
    builder = Builder(sides)
    _trunk(builder, person)
    _arms(builder, person)
    _legs(builder, person)
    if person.looks.skirt:
        _skirt(builder, person)
    if person.looks.backpack:
        _backpack(builder, person)
    add_head(builder, person.body, person.looks, person.bones)
    return builder.build()


def _trunk(builder: Builder, person: Person) -> None:
    body, looks, joints, frames = person.body, person.looks, person.bones.joints, person.bones.frames
    h, fat = body.height, body.girth * (0.5 + 0.5 * looks.loose)
    radii, centres, axes = np.empty((16, 2)), np.empty((16, 3)), np.empty((2, 16, 3))
    for part, frame, joint, table, extra in (
        (slice(0, 9), frames[F['chest']], joints[J['neck']], _CHEST, body.bust * _BUST + body.belly * _BELLY[0]),
        (slice(9, 16), frames[F['pelvis']], joints[J['pelvis']], _PELVIS, body.belly * _BELLY[1]),
    ):
        x, y, z = frame.T
        radii[part, 0], radii[part, 1] = h * fat * table[:, 1], h * (fat * table[:, 2] + extra)
        centres[part] = joint + h * (table[:, :1] * y + (table[:, 3:] + 0.7 * extra[:, None]) * z)
        axes[0, part], axes[1, part] = x, z
    radii[:8, 0] *= np.linspace(body.shoulders / 0.104, 1.0, 8)
    radii[9:, 0] *= body.hips / 0.056
    if looks.skirt:
        radii[9:] *= 0.88  # it covers the hips
    colours = _trunk_colours(builder, looks)
    builder.tube(centres, axes[0], axes[1], radii[:, 0], radii[:, 1], colours)
    neck, head, frame = joints[J['neck']], joints[J['head']], frames[F['neck']]
    along = np.linspace(1.25, -0.35, 4)[:, None]
    width = np.array([0.030, 0.029, 0.031, 0.036]) * h * body.girth
    builder.tube(neck + along * (head - neck), frame[:, 0], frame[:, 2], width, width, looks.skin * 0.96)


def _trunk_colours(builder: Builder, looks: Looks) -> Array:
    """[15, sides, 3]: the upper garment with its pattern down to the waist, then the lower one."""
    n, waist = len(_CHEST) + len(_PELVIS) - 1, len(_CHEST) + 1
    colours = np.empty((n, builder.sides, 3))
    colours[:] = looks.top
    ring, angle = np.arange(n)[:, None], np.minimum(builder.middle, 2 * np.pi - builder.middle)[None]
    step = np.arange(builder.sides)[None]
    chosen = {
        'plain': ring < 0,
        'stripes': ring % 2 == 0,
        'columns': step % 2 == 0,
        'checks': (ring + step) % 2 == 0,
        'yoke': ring < 5,
        'jacket': (angle < 0.45) & (ring > 1),
        'print': (angle < 0.75) & (ring > 3) & (ring < 7),
    }[looks.pattern]
    colours[chosen | np.zeros((n, builder.sides), bool)] = looks.accent
    colours[0] = looks.skin
    if looks.sleeves < 0.3:  # a wide neckline
        colours[1:3] = looks.skin
    colours[waist:] = looks.bottom
    if not looks.skirt:
        colours[waist] = looks.bottom * 0.45  # the belt
    return colours


@dataclass(frozen=True)
class _Limb:
    """A limb's rings before it is posed: position along it, radius in metres, colours of the faces between them."""

    position: Array
    radius: Array
    colours: Array


def _dressed(person: Person, table: Array, cover: float, colour: Array) -> _Limb:
    """A limb that cloth of a colour covers up to the position ``cover``."""
    loose, fat = person.looks.loose, 0.4 + 0.6 * person.body.girth
    position, radius = table[:, 0], table[:, 1] * person.body.height * fat
    hem, at_hem = int(np.searchsorted(position, cover)), np.interp(cover, position, radius)
    colours = np.empty((len(position) + 1, 1, 3))
    colours[:hem], colours[hem], colours[hem + 1 :] = colour, colour * 0.5, person.looks.skin
    return _Limb(
        np.concatenate([position[:hem], [cover, cover + 0.004], position[hem:]]),
        np.concatenate([radius[:hem] * loose, [at_hem * loose * 1.05, at_hem], radius[hem:]]),
        colours,
    )


def _add_limbs(builder: Builder, bones: Bones, limb: _Limb, names: tuple[str, ...]) -> None:
    """Pose the left and the right one of a limb.

    ``names``, without their side, are the joints at its start, middle and end and the frames of its two bones.
    """
    a, b, c = (_of_both(bones.joints, J, name)[:, None] for name in names[:3])
    upper, lower = (_of_both(bones.frames, F, name) for name in names[3:])
    above, below = np.minimum(limb.position, 1.0)[:, None], np.maximum(limb.position - 1.0, 0.0)[:, None]
    share = np.minimum(np.maximum((limb.position - 0.82) / 0.36, 0.0), 1.0)[:, None]
    along = (share - 1.0) * upper[:, None, :, 1] - share * lower[
        :, None, :, 1
    ]  # the ring at the joint halves the angle
    along /= np.sqrt((along * along).sum(axis=2, keepdims=True)) + 1e-9
    across = upper[:, None, :, 0]  # hinges: both bones have the same x axis
    centres = a + above * (b - a) + below * (c - b)
    builder.tube(centres, across, cross(along, across), limb.radius, limb.radius, limb.colours)


def _arms(builder: Builder, person: Person) -> None:
    looks, h, bones = person.looks, person.body.height, person.bones
    limb = _dressed(person, _ARM, looks.sleeves, looks.accent if looks.pattern == 'yoke' else looks.top)
    _add_limbs(builder, bones, limb, ('shoulder', 'elbow', 'wrist', 'upper', 'fore'))
    start, end = (_of_both(bones.joints, J, name)[:, None] for name in ('wrist', 'hand'))
    fore = _of_both(bones.frames, F, 'fore')[:, None]
    centres = start + 0.92 * _HAND[:, :1] * (end - start)
    builder.tube(centres, fore[..., 0], fore[..., 2], _HAND[:, 1] * h, _HAND[:, 2] * h, looks.skin)


def _legs(builder: Builder, person: Person) -> None:
    looks, h, bones = person.looks, person.body.height, person.bones
    limb = _dressed(person, _LEG, looks.legwear, looks.bottom)
    _add_limbs(builder, bones, limb, ('hip', 'knee', 'ankle', 'thigh', 'shank'))
    foot = _of_both(bones.frames, F, 'foot')[:, None]
    centres = _of_both(bones.joints, J, 'ankle')[:, None] + h * (
        _FOOT[:, :1] * foot[..., 2] + _FOOT[:, 1:2] * foot[..., 1]
    )
    builder.tube(centres, foot[..., 0], foot[..., 1], _FOOT[:, 2] * h * 1.08, _FOOT[:, 3] * h * 1.08, looks.shoes)


def _of_both(values: Array, numbers: Mapping[str, int], name: str) -> Array:
    """[2, ...] the values of the left and the right one."""
    return np.asarray(values[[numbers[f'l_{name}'], numbers[f'r_{name}']]])


def _skirt(builder: Builder, person: Person) -> None:
    """From the waist around both thighs, and on along the shanks if it is longer."""
    joints, h, looks = person.bones.joints, person.body.height, person.looks
    middle = [0.5 * (joints[J[f'l_{name}']] + joints[J[f'r_{name}']]) for name in ('hip', 'knee', 'ankle')]
    path = np.stack([joints[J['waist']], middle[0], middle[1], middle[2]])
    spread = [np.linalg.norm(joints[J[f'l_{name}']] - joints[J[f'r_{name}']]) / 2 for name in ('hip', 'knee', 'ankle')]
    width = (
        np.array([0.088 * h, spread[0] + 0.056 * h, spread[1] + 0.060 * h, spread[2] + 0.065 * h]) * person.body.girth
    )
    depth = np.array([0.066, 0.083, 0.095, 0.105]) * h * person.body.girth
    position = np.linspace(-0.7, looks.skirt, 11)
    knots = np.array([-1.0, 0.0, 1.0, 2.0])
    centres = np.stack([np.interp(position, knots, path[:, i]) for i in range(3)], axis=1)
    along = np.gradient(centres, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = person.bones.frames[F['pelvis']][:, 0] - along * (along @ person.bones.frames[F['pelvis']][:, 0])[:, None]
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    builder.tube(
        centres,
        across,
        cross(along, across),
        np.interp(position, knots, width),
        np.interp(position, knots, depth),
        looks.bottom,
    )


def _backpack(builder: Builder, person: Person) -> None:
    x, y, z = person.bones.frames[F['chest']].T
    h = person.body.height
    rows = _BACKPACK
    centres = person.bones.joints[J['neck']] + h * (rows[:, :1] * y - 0.105 * person.body.girth * z)
    builder.tube(centres, x, z, rows[:, 1] * h, rows[:, 2] * h, person.looks.bag)


def lowest(body: Body, bones: Bones) -> float:
    """Height of the lowest point of the body, which then touches the ground."""
    h, joints, soles = body.height, bones.joints, []
    for side in 'lr':
        _, y, z = bones.frames[F[f'{side}_foot']].T
        soles += [(joints[J[f'{side}_ankle']] + h * (forward * z - 0.045 * y))[1] for forward in (-0.03, 0.11)]
    other = [joints[J[name], 1] - radius * h * body.girth for name, radius in _THICKNESS.items()]
    return float(min(*soles, *other))


def without_skirt(looks: Looks) -> Looks:
    """The same person in trousers."""
    return replace(looks, skirt=0.0, legwear=1.93)

"""The bones of a synthetic person: proportions, joint angles with limits, and forward kinematics.

A person's own axes: x to the person's left, y up, z forward. Lengths in metres, angles in degrees.
"""

import math
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

JOINTS = (
    'pelvis', 'waist', 'neck', 'head', 'crown',
    'l_shoulder', 'r_shoulder', 'l_elbow', 'r_elbow', 'l_wrist', 'r_wrist', 'l_hand', 'r_hand',
    'l_hip', 'r_hip', 'l_knee', 'r_knee', 'l_ankle', 'r_ankle', 'l_toe', 'r_toe',
)  # fmt: skip
FRAMES = (
    'pelvis', 'chest', 'neck', 'head', 'l_upper', 'r_upper', 'l_fore', 'r_fore',
    'l_thigh', 'r_thigh', 'l_shank', 'r_shank', 'l_foot', 'r_foot',
)  # fmt: skip
J = {name: i for i, name in enumerate(JOINTS)}
F = {name: i for i, name in enumerate(FRAMES)}


@dataclass(frozen=True)
class Body:
    """Proportions of one person.

    Attributes:
        height: of the standing person.
        shoulders: half the distance of the shoulder joints, relative to the height.
        hips: half the distance of the hip joints, relative to the height.
        legs: factor on the length of the legs.
        head: factor on the size of the head; children have larger ones.
        girth: factor on the radius of trunk and limbs.
        belly: additional depth of the waist, relative to the height.
        bust: additional depth of the chest, relative to the height.
    """

    height: float = 1.72
    shoulders: float = 0.104
    hips: float = 0.056
    legs: float = 1.0
    head: float = 1.0
    girth: float = 1.0
    belly: float = 0.0
    bust: float = 0.0


Angles = tuple[float, float, float]


@dataclass
class Pose:
    """Joint angles. A triple is (forward bend, sideways, twist); limbs are pairs (left, right).

    Attributes:
        root: of the whole body against upright: forward, sideways (to the person's left).
        spine, neck, head: of each against the part below.
        shoulder: flexion (arm forward and up), abduction (arm out), twist (forearm inwards).
        elbow: flexion.
        hip: flexion (thigh forward), abduction, twist (foot outwards).
        knee, ankle: flexion; ankle positive points the toes down.
        lift: metres from the ground, of a jump or a seat that is higher than the legs reach.
    """

    root: Angles = (0.0, 0.0, 0.0)
    spine: Angles = (0.0, 0.0, 0.0)
    neck: Angles = (0.0, 0.0, 0.0)
    head: Angles = (0.0, 0.0, 0.0)
    shoulder: list[Angles] = field(default_factory=lambda: [(0.0, 7.0, 0.0), (0.0, 7.0, 0.0)])
    elbow: list[float] = field(default_factory=lambda: [12.0, 12.0])
    hip: list[Angles] = field(default_factory=lambda: [(0.0, 3.0, 5.0), (0.0, 3.0, 5.0)])
    knee: list[float] = field(default_factory=lambda: [3.0, 3.0])
    ankle: list[float] = field(default_factory=lambda: [0.0, 0.0])
    lift: float = 0.0

    def limited(self) -> 'Pose':
        """The nearest pose that joints permit."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, bounds in LIMITS.items():
            value = values[name]
            values[name] = [_clip(v, bounds) for v in value] if isinstance(value, list) else _clip(value, bounds)
        return Pose(**values)


LIMITS: dict[str, tuple[tuple[float, float], ...]] = {
    'spine': ((-20, 75), (-25, 25), (-35, 35)),
    'neck': ((-25, 35), (-20, 20), (-40, 40)),
    'head': ((-25, 30), (-15, 15), (-30, 30)),
    'shoulder': ((-50, 175), (-20, 175), (-80, 80)),
    'elbow': ((0, 148),),
    'hip': ((-25, 125), (-15, 60), (-30, 45)),
    'knee': ((0, 150),),
    'ankle': ((-30, 45),),
}


@dataclass(frozen=True)
class Bones:
    """A posed skeleton.

    Attributes:
        joints: [21, 3] positions.
        frames: [14, 3, 3] rotation matrices whose columns are x, y, z of each body part; limbs run along -y.
    """

    joints: Array
    frames: Array


def euler(forward: float, side: float, twist: float) -> Array:
    """Rotation [3, 3]: first the twist about y, then sideways about z, then forward about x."""
    a, b, c = math.radians(forward), math.radians(side), math.radians(twist)
    ca, sa, cb, sb, cc, sc = math.cos(a), math.sin(a), math.cos(b), math.sin(b), math.cos(c), math.sin(c)
    return np.array(
        [
            [cb * cc, -sb, cb * sc],
            [ca * sb * cc + sa * sc, ca * cb, ca * sb * sc - sa * cc],
            [sa * sb * cc - ca * sc, sa * cb, sa * sb * sc + ca * cc],
        ]
    )


def posed(body: Body, pose: Pose) -> Bones:
    """Forward kinematics. The pelvis stands at the origin; heading and ground come later."""
    h = body.height
    joints, frames = np.zeros((len(JOINTS), 3)), np.zeros((len(FRAMES), 3, 3))
    pelvis = euler(pose.root[0], -pose.root[1], pose.root[2])
    chest = pelvis @ euler(pose.spine[0], -pose.spine[1], pose.spine[2])
    neck = chest @ euler(pose.neck[0], -pose.neck[1], pose.neck[2])
    head = neck @ euler(pose.head[0], -pose.head[1], pose.head[2])
    frames[:4] = pelvis, chest, neck, head
    joints[J['waist']] = pelvis @ (0.0, 0.09 * h, 0.0)
    joints[J['neck']] = joints[J['waist']] + chest @ (0.0, 0.20 * h, 0.0)
    joints[J['head']] = joints[J['neck']] + neck @ (0.0, 0.045 * h, 0.008 * h)
    joints[J['crown']] = joints[J['head']] + head @ (0.0, 0.232 * body.head, 0.0)
    for i, side in enumerate('lr'):
        sign = 1.0 - 2.0 * i
        _arm(body, pose, i, side, sign, joints, frames)
        _leg(body, pose, i, side, sign, joints, frames)
    return Bones(joints, frames)


def _arm(body: Body, pose: Pose, i: int, side: str, sign: float, joints: Array, frames: Array) -> None:
    h, chest = body.height, frames[F['chest']]
    flexion, abduction, twist = pose.shoulder[i]
    shrug = 0.02 * max(0.0, max(flexion, abduction) - 60.0) / 100.0  # the collarbone follows a raised arm
    shoulder = joints[J['neck']] + chest @ (sign * (body.shoulders - 0.5 * shrug) * h, (shrug - 0.022) * h, -0.005 * h)
    upper = chest @ euler(-flexion, sign * abduction, -sign * twist)
    fore = upper @ euler(-pose.elbow[i], 0.0, 0.0)
    frames[F[f'{side}_upper']], frames[F[f'{side}_fore']] = upper, fore
    joints[J[f'{side}_shoulder']] = shoulder
    joints[J[f'{side}_elbow']] = shoulder - 0.178 * h * upper[:, 1]
    joints[J[f'{side}_wrist']] = joints[J[f'{side}_elbow']] - 0.146 * h * fore[:, 1]
    joints[J[f'{side}_hand']] = joints[J[f'{side}_wrist']] - 0.098 * h * fore[:, 1]


def _leg(body: Body, pose: Pose, i: int, side: str, sign: float, joints: Array, frames: Array) -> None:
    h, pelvis = body.height, frames[F['pelvis']]
    flexion, abduction, twist = pose.hip[i]
    hip = pelvis @ (sign * body.hips * h, 0.0, 0.0)
    thigh = pelvis @ euler(-flexion, sign * abduction, sign * twist)
    shank = thigh @ euler(pose.knee[i], 0.0, 0.0)
    foot = shank @ euler(pose.ankle[i], 0.0, 0.0)
    frames[F[f'{side}_thigh']], frames[F[f'{side}_shank']], frames[F[f'{side}_foot']] = thigh, shank, foot
    joints[J[f'{side}_hip']] = hip
    joints[J[f'{side}_knee']] = hip - 0.245 * h * body.legs * thigh[:, 1]
    joints[J[f'{side}_ankle']] = joints[J[f'{side}_knee']] - 0.245 * h * body.legs * shank[:, 1]
    joints[J[f'{side}_toe']] = joints[J[f'{side}_ankle']] + h * (0.115 * foot[:, 2] - 0.035 * foot[:, 1])


def _clip(value: Angles | float, bounds: tuple[tuple[float, float], ...]) -> Angles | float:
    if not isinstance(value, tuple):
        return min(max(value, bounds[0][0]), bounds[0][1])
    a, b, c = value
    (a0, a1), (b0, b1), (c0, c1) = bounds
    return min(max(a, a0), a1), min(max(b, b0), b1), min(max(c, c0), c1)

"""What synthetic people do: a pose is drawn from one of several activities, each with its own variation."""

import math
from collections.abc import Callable

from .chance import Rng, pick
from .skeleton import Angles, Pose

Activity = Callable[[Rng], Pose]


def sample(rng: Rng, *, activity: str | None = None) -> tuple[str, Pose]:
    """An activity, drawn by frequency unless given, and a pose of it within the joints' limits."""
    name = activity or pick(rng, _NAMES, _FREQUENCIES)
    pose = ACTIVITIES[name][0](rng)
    _look_around(pose, rng)
    return name, pose.limited()


def _normal(rng: Rng, mean: float, spread: float) -> float:
    return float(rng.normal(mean, spread))


def _look_around(pose: Pose, rng: Rng) -> None:
    bend, side, twist = pose.neck
    turn = _normal(rng, 0.0, 18.0)
    pose.neck = bend + _normal(rng, 0.0, 6.0), side + _normal(rng, 0.0, 5.0), twist + 0.6 * turn
    bend, side, twist = pose.head
    pose.head = bend + _normal(rng, 2.0, 7.0), side + _normal(rng, 0.0, 5.0), twist + 0.6 * turn


def _hanging_arm(rng: Rng) -> tuple[Angles, float]:
    return (_normal(rng, 2, 9), _normal(rng, 9, 5), _normal(rng, 12, 15)), abs(_normal(rng, 14, 12))


def _gesture(rng: Rng) -> tuple[Angles, float]:
    """One arm doing something."""
    gestures: list[tuple[Angles, float]] = [
        ((-22, 42, 58), 95),  # hand on the hip
        ((55, 12, 28), 135),  # hand at the face, a telephone
        ((28, 4, 48), 92),  # forearm across the belly
        ((25, 12, 0), 88),  # carrying
        ((82, 6, 0), 12),  # pointing forward
        ((10, 82, 0), 15),  # stretched out
        ((12, 95, -75), 75),  # waving, forearm up
        ((155, 12, 0), 20),  # up
        ((-18, 8, 20), 28),  # in the back pocket
    ]
    (flexion, abduction, twist), elbow = gestures[rng.integers(len(gestures))]
    arm = flexion + _normal(rng, 0, 9), abduction + _normal(rng, 0, 7), twist + _normal(rng, 0, 9)
    return arm, elbow + _normal(rng, 0, 12)


def _set_arms(pose: Pose, rng: Rng, gesture: float) -> Pose:
    for i in range(2):
        pose.shoulder[i], pose.elbow[i] = _gesture(rng) if rng.random() < gesture else _hanging_arm(rng)
    return pose


def _stand(rng: Rng) -> Pose:
    pose = Pose()
    shift = _normal(rng, 0, 5)
    pose.root = _normal(rng, 0, 2), shift * 0.5, 0.0
    pose.spine = _normal(rng, 3, 5), -shift, _normal(rng, 0, 7)
    for i in range(2):
        pose.hip[i] = _normal(rng, 3, 6), _normal(rng, 5, 4), _normal(rng, 10, 7)
        pose.knee[i] = abs(_normal(rng, 3, 7))
    return _set_arms(pose, rng, 0.45)


def _stride(rng: Rng, reach: float, knee: float, elbow: float, lean: float) -> Pose:
    pose = Pose()
    phase = rng.uniform(0, 2 * math.pi)
    pose.root = lean + _normal(rng, 0, 3), 0.0, 0.0
    pose.spine = _normal(rng, 3, 3), _normal(rng, 0, 3), 8 * math.sin(phase)
    for i in range(2):
        turn = phase + math.pi * i
        pose.hip[i] = reach * math.sin(turn) + 0.2 * reach, _normal(rng, 2, 2), _normal(rng, 5, 5)
        pose.knee[i] = 6 + knee * max(0.0, math.cos(turn)) + 0.2 * knee * max(0.0, -math.sin(turn))
        pose.ankle[i] = 20 * max(0.0, -math.sin(turn))
        swing = -0.9 * reach * math.sin(turn)
        pose.shoulder[i] = swing, _normal(rng, 8, 4), _normal(rng, 10, 8)
        pose.elbow[i] = elbow + 0.3 * abs(swing) + _normal(rng, 0, 6)
    return pose


def _walk(rng: Rng) -> Pose:
    pose = _stride(rng, rng.uniform(15, 30), rng.uniform(30, 50), 18, 2)
    if rng.random() < 0.25:
        i = int(rng.integers(2))
        pose.shoulder[i], pose.elbow[i] = _gesture(rng)
    return pose


def _run(rng: Rng) -> Pose:
    pose = _stride(rng, rng.uniform(35, 52), rng.uniform(75, 105), 85, 9)
    pose.lift = pick(rng, (0.0, 0.12))
    return pose


def _sit(rng: Rng) -> Pose:
    pose = Pose()
    pose.root = _normal(rng, -6, 8), 0.0, 0.0
    pose.spine = _normal(rng, 10, 10), _normal(rng, 0, 4), _normal(rng, 0, 8)
    apart = abs(_normal(rng, 8, 8))
    for i in range(2):
        pose.hip[i] = 84 + pose.root[0] + _normal(rng, 0, 4), apart, _normal(rng, 3, 6)
        pose.knee[i] = _normal(rng, 82, 14)
        pose.ankle[i] = _normal(rng, 0, 8)
        pose.shoulder[i] = _normal(rng, 32, 10), _normal(rng, 8, 5), _normal(rng, 18, 12)
        pose.elbow[i] = _normal(rng, 55, 18)
    if rng.random() < 0.4:
        i = int(rng.integers(2))
        pose.shoulder[i], pose.elbow[i] = _gesture(rng)
    return pose


def _raise_arms(rng: Rng) -> Pose:
    pose = _stand(rng)
    for i in range(2 if rng.random() < 0.7 else 1):
        forward = rng.random() < 0.5
        pose.shoulder[i] = (_normal(rng, 150, 18), _normal(rng, 12, 10), 0.0) if forward else (
            _normal(rng, 5, 8), _normal(rng, 140, 20), _normal(rng, -30, 25))  # fmt: skip
        pose.elbow[i] = abs(_normal(rng, 22, 22))
    return pose


def _crouch(rng: Rng) -> Pose:
    pose = Pose()
    pose.root = _normal(rng, 22, 8), 0.0, 0.0
    pose.spine = _normal(rng, 25, 10), _normal(rng, 0, 5), _normal(rng, 0, 8)
    pose.neck = (-18.0, 0.0, 0.0)
    for i in range(2):
        pose.hip[i] = _normal(rng, 112, 7), _normal(rng, 14, 8), _normal(rng, 10, 6)
        pose.knee[i] = _normal(rng, 128, 9)
        pose.ankle[i] = -25.0
        pose.shoulder[i] = _normal(rng, 55, 14), _normal(rng, 8, 6), _normal(rng, 15, 10)
        pose.elbow[i] = _normal(rng, 45, 22)
    return pose


def _kneel(rng: Rng) -> Pose:
    pose = _stand(rng)
    i = int(rng.integers(2))
    pose.hip[i], pose.knee[i], pose.ankle[i] = (_normal(rng, 88, 6), 6.0, 5.0), _normal(rng, 92, 6), 0.0
    pose.hip[1 - i], pose.knee[1 - i], pose.ankle[1 - i] = (_normal(rng, 0, 6), 4.0, 5.0), _normal(rng, 92, 6), 40.0
    return pose


def _lie(rng: Rng) -> Pose:
    pose = _set_arms(Pose(), rng, 0.5)
    side = rng.random()
    if side < 0.5:
        pose.root = (-88.0, 0.0, 0.0)  # on the back
    elif side < 0.7:
        pose.root = (88.0, 0.0, 0.0)
        pose.ankle = [40.0, 40.0]
    else:
        pose.root = (0.0, pick(rng, (-86.0, 86.0)), 0.0)
    bent = rng.random() < 0.5
    for i in range(2):
        angle = abs(_normal(rng, 45, 25)) if bent and side < 0.5 else abs(_normal(rng, 6, 8))
        pose.hip[i] = angle, _normal(rng, 8, 5), _normal(rng, 8, 6)
        pose.knee[i] = angle * rng.uniform(1.2, 1.9)
    return pose


def _bend(rng: Rng) -> Pose:
    pose = _stand(rng)
    lean = rng.uniform(25, 65)
    pose.root = lean * 0.8, 0.0, 0.0
    pose.spine = lean * 0.6, _normal(rng, 0, 6), _normal(rng, 0, 10)
    pose.neck = (-12.0, 0.0, 0.0)
    for i in range(2):
        pose.hip[i] = lean * 0.8 + _normal(rng, 5, 8), _normal(rng, 6, 4), _normal(rng, 6, 5)
        pose.knee[i] = abs(_normal(rng, 12, 14))
        pose.shoulder[i] = _normal(rng, 75, 20), _normal(rng, 8, 7), _normal(rng, 5, 10)
        pose.elbow[i] = abs(_normal(rng, 18, 16))
    return pose


def _exercise(rng: Rng) -> Pose:
    """Sport, dance, play: anything that joints permit and balance nearly does."""
    pose = Pose()
    pose.root = _normal(rng, 0, 14), _normal(rng, 0, 10), 0.0
    pose.spine = _normal(rng, 8, 12), _normal(rng, 0, 10), _normal(rng, 0, 15)
    for i in range(2):
        pose.hip[i] = rng.uniform(-20, 70), abs(_normal(rng, 15, 15)), _normal(rng, 8, 10)
        pose.knee[i] = rng.uniform(0, 80)
        pose.shoulder[i] = rng.uniform(-40, 150), rng.uniform(0, 110), _normal(rng, 0, 35)
        pose.elbow[i] = rng.uniform(0, 120)
        pose.ankle[i] = _normal(rng, 10, 15)
    pose.lift = pick(rng, (0.0, rng.uniform(0.1, 0.5)), (2, 1))
    return pose


def _star(rng: Rng) -> Pose:
    pose = Pose()
    pose.root = 0.0, _normal(rng, 0, 5), 0.0
    for i in range(2):
        pose.hip[i] = _normal(rng, 0, 5), _normal(rng, 22, 8), 15.0
        pose.shoulder[i] = _normal(rng, 0, 10), _normal(rng, 95, 18), _normal(rng, 0, 20)
        pose.elbow[i] = abs(_normal(rng, 10, 12))
    return pose


ACTIVITIES: dict[str, tuple[Activity, float]] = {
    'stand': (_stand, 0.30),
    'walk': (_walk, 0.17),
    'sit': (_sit, 0.14),
    'raise_arms': (_raise_arms, 0.08),
    'exercise': (_exercise, 0.09),
    'run': (_run, 0.06),
    'bend': (_bend, 0.04),
    'crouch': (_crouch, 0.04),
    'kneel': (_kneel, 0.03),
    'lie': (_lie, 0.03),
    'star': (_star, 0.02),
}
_NAMES = list(ACTIVITIES)
_FREQUENCIES = [frequency for _, frequency in ACTIVITIES.values()]

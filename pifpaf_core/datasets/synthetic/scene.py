"""A synthetic scene, all from one generator: camera, light, who is where and does what, and what stands about."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from . import figure, poses, things
from .camera import Camera
from .chance import Rng, pick
from .faces import Light
from .figure import Person
from .mesh import Mesh
from .skeleton import Bones, J, euler, posed
from .wardrobe import sample_body, sample_looks

Array = npt.NDArray[np.float64]
_LIMBS = np.array([
    (J[a], J[b]) for a, b in (
        ('head', 'waist'), ('crown', 'head'), ('waist', 'pelvis'), ('l_shoulder', 'r_shoulder'),
        ('l_shoulder', 'l_elbow'), ('l_elbow', 'l_hand'), ('r_shoulder', 'r_elbow'), ('r_elbow', 'r_hand'),
        ('l_hip', 'l_knee'), ('l_knee', 'l_ankle'), ('l_ankle', 'l_toe'),
        ('r_hip', 'r_knee'), ('r_knee', 'r_ankle'), ('r_ankle', 'r_toe'),
    )
])  # fmt: skip
_SKIRTED = frozenset({'stand', 'walk', 'sit', 'raise_arms'})  # what can be done in a skirt that is a simple cone


@dataclass
class Scene:
    """What there is to draw.

    Attributes:
        camera, light: how it is seen.
        people: annotated one by one.
        crowds: groups of people too small and too many to be annotated one by one.
        things: everything else.
    """

    camera: Camera
    light: Light
    people: list[Person] = field(default_factory=list)
    crowds: list[list[Person]] = field(default_factory=list)
    things: list[Mesh] = field(default_factory=list)
    _spots: list[tuple[float, float, float]] = field(default_factory=list)

    def is_free(self, x: float, z: float, radius: float) -> bool:
        """Whether a circle on the ground touches nothing that stands there."""
        return all(math.hypot(x - a, z - b) > radius + r for a, b, r in self._spots)

    @property
    def farthest(self) -> float:
        """Metres to the farthest thing on the ground, at least 3."""
        return max([3.0, *(z + radius for _, z, radius in self._spots)])

    def occupy(self, x: float, z: float, radius: float) -> None:
        """Remember that something stands there."""
        self._spots.append((x, z, radius))


def sample(rng: Rng, size: tuple[int, int]) -> Scene:
    """A scene for an image of ``size`` (width, height)."""
    n = pick(rng, (0, 1, 2, 3, 4, 5, 6, 8, 10), (0.03, 0.30, 0.25, 0.16, 0.10, 0.06, 0.05, 0.03, 0.02))
    tall = size[1] * math.exp(rng.uniform(math.log(0.28), math.log(1.5 if n < 4 else 0.8)))
    focal = size[0] * rng.uniform(0.75, 1.7)
    depth = max(focal * 1.7 / tall, 1.1)
    scene = Scene(_camera(rng, size, focal, depth, tall / size[1]), _light(rng))
    for i in range(n):
        _place_person(rng, scene, depth if i == 0 else max(1.1, depth * math.exp(rng.normal(0.1, 0.3))))
    if rng.random() < 0.08:
        _place_crowd(rng, scene)
    for _ in range(int(rng.poisson(1.3))):
        _place_thing(rng, scene, depth * rng.uniform(0.9, 2.5), rng.uniform(0, 1))
    if scene.people and rng.random() < 0.35:
        _place_in_front(rng, scene)
    return scene


def meshes(scene: Scene) -> list[tuple[int, Mesh]]:
    """(owner, mesh) of all that is in the scene: people 1 to n, then each crowd, then everything else."""
    owned = [(i, figure.build(person, sides=_sides(scene, person))) for i, person in enumerate(scene.people, start=1)]
    for i, crowd in enumerate(scene.crowds, start=len(scene.people) + 1):
        owned += [(i, figure.build(person, sides=5)) for person in crowd]
    return owned + [(len(scene.people) + len(scene.crowds) + 1, thing) for thing in scene.things]


def shadows(scene: Scene) -> list[tuple[Array, Array]]:
    """Pixels [n, 2, 2] and widths [n] of the limbs of each person in the shadow on the ground."""
    found = []
    direction = scene.light.direction
    for person in [*scene.people, *(p for crowd in scene.crowds for p in crowd)]:
        joints = person.bones.joints
        ground = joints - direction * (joints[:, 1:2] / max(direction[1], 0.35))
        xy, depth = scene.camera.project(ground)
        ends = xy[_LIMBS]
        near = depth[_LIMBS].min(axis=1)
        keep = near > 0.5
        found.append((ends[keep], 0.16 * scene.camera.focal / near[keep]))
    return found


def _camera(rng: Rng, size: tuple[int, int], focal: float, depth: float, tall: float) -> Camera:
    low, high = pick(rng, ((0.9, 1.8), (1.8, 4.0), (0.25, 0.9)), (0.7, 0.2, 0.1))
    height = rng.uniform(low, high)
    looked_at = rng.uniform(1.0, 1.5) if tall > 1.0 else rng.uniform(0.7, 1.1)
    pitch = math.degrees(math.atan2(height - looked_at, depth)) + rng.normal(0, 3)
    return Camera(size, focal, height, pitch, roll=float(rng.normal(0, 2)))


def _light(rng: Rng) -> Light:
    direction = np.array([rng.normal(0, 0.7), rng.uniform(0.4, 1.3), rng.normal(0.4, 0.6)])
    contrast = rng.uniform(0.15, 0.95)
    warm, strength = rng.normal(0, 0.06), rng.uniform(0.75, 1.15)
    lamp = np.array([1 - warm, 1.0, 1 + warm]) * contrast * strength
    ambient = (1.05 - 0.72 * contrast) * strength
    sky = np.array([1.04, 1.0, 0.97]) * ambient
    return Light(direction / np.linalg.norm(direction), lamp, sky, sky * rng.uniform(0.5, 0.8))


def _sides(scene: Scene, person: Person) -> int:
    """Faces around a limb: enough for how large the person appears."""
    _, depth = scene.camera.project(person.bones.joints[J['pelvis']])
    tall = person.body.height * scene.camera.focal / max(float(depth), 0.3)
    return 5 if tall < 80 else 6 if tall < 160 else 8 if tall < 320 else 10 if tall < 600 else 12


def _person(rng: Rng, x: float, z: float, *, activity: str | None = None) -> tuple[str, Person, float]:
    """Someone at a place, turned anywhere; the activity and the heading come along."""
    body, looks = sample_body(rng), sample_looks(rng)
    name, pose = poses.sample(rng, activity=activity)
    if looks.skirt and name not in _SKIRTED:
        looks = figure.without_skirt(looks)
    heading = float(rng.normal(0, 45)) if rng.random() < 0.55 else float(rng.uniform(-180, 180))
    bones = posed(body, pose)
    turn = euler(0.0, 0.0, heading)
    joints = bones.joints @ turn.T
    lowest = figure.lowest(body, Bones(joints, turn @ bones.frames))
    place = np.array([x, pose.lift - lowest, -z])
    return name, Person(body, looks, Bones(joints + place, turn @ bones.frames)), heading


def _spot(rng: Rng, scene: Scene, depth: float, column: float) -> tuple[float, float]:
    """Where on the ground the image column (0 to 1) shows something at this depth."""
    x = (column - 0.5) * scene.camera.size[0] * depth / scene.camera.focal
    return float(x), depth


def _place_person(rng: Rng, scene: Scene, depth: float) -> None:
    for _ in range(8):
        x, z = _spot(rng, scene, depth * rng.uniform(0.95, 1.1), rng.uniform(0.06, 0.94))
        if scene.is_free(x, z, 0.27):
            break
    else:
        return
    name, person, heading = _person(rng, x, z)
    scene.occupy(x, z, 0.27)
    scene.people.append(person)
    if name == 'sit':
        top = person.bones.joints[J['pelvis'], 1] - 0.062 * person.body.height * person.body.girth
        chair = things.seat(rng, float(top), back=rng.random() < 0.6)
        behind = euler(0, 0, heading) @ np.array([0.0, 0.0, -0.02])
        scene.things.append(things.placed(chair, euler(0, 0, heading), np.array([x, 0, -z]) + behind))


def _place_crowd(rng: Rng, scene: Scene) -> None:
    tall = rng.uniform(26, 70)
    depth = scene.camera.focal * 1.7 / tall
    middle, wide = rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.3)
    crowd = []
    for _ in range(int(rng.integers(5, 12))):
        x, z = _spot(rng, scene, depth * rng.uniform(0.92, 1.15), middle + wide * rng.uniform(-0.5, 0.5))
        if scene.is_free(x, z, 0.15):
            scene.occupy(x, z, 0.15)
            crowd.append(_person(rng, x, z, activity='stand' if rng.random() < 0.7 else None)[1])
    scene.crowds.append(crowd)


def _place_thing(rng: Rng, scene: Scene, depth: float, column: float) -> None:
    thing = things.sample(rng)
    radius = float(np.abs(thing.vertices[:, (0, 2)]).max())
    x, z = _spot(rng, scene, depth + radius, column)
    if scene.is_free(x, z, radius):
        scene.occupy(x, z, radius)
        scene.things.append(things.placed(thing, euler(0, 0, rng.uniform(-180, 180)), np.array([x, 0.0, -z])))


def _place_in_front(rng: Rng, scene: Scene) -> None:
    """Something between the camera and one of the people."""
    person = scene.people[rng.integers(len(scene.people))]
    x, _, z = person.bones.joints[J['pelvis']]
    thing = things.sample(rng)
    radius = float(np.abs(thing.vertices[:, (0, 2)]).max())
    depth = min(-z * rng.uniform(0.55, 0.8), -z - radius - 0.35)
    if depth - radius > 0.6:
        turn = euler(0, 0, rng.normal(0, 25))
        aside = x * depth / -z + rng.normal(0, 0.25)
        scene.things.append(things.placed(thing, turn, np.array([aside, 0.0, -depth])))

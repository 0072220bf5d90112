"""Things that stand about in synthetic scenes: seats, tables, boxes, poles, plants, balls, cars. They hide people."""

import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .chance import Rng, pick
from .mesh import Builder, Mesh, join
from .wardrobe import cloth_colour, from_hsv

Array = npt.NDArray[np.float64]
_AROUND = 10  # faces around round things
_CELL = 0.22  # metres; large faces are divided, since faces are sorted by the depth of their middle


def placed(mesh: Mesh, rotation: Array, position: Array) -> Mesh:
    """A mesh turned by a rotation matrix [3, 3] and moved to a position [3]."""
    return Mesh(
        mesh.vertices @ rotation.T + position,
        mesh.normals @ rotation.T,
        mesh.quads,
        mesh.colours,
        mesh.patches,
        mesh.patch_colours,
    )


def box(low: npt.ArrayLike, high: npt.ArrayLike, colour: Array, *, stripe: Array | None = None) -> Mesh:
    """A box along the axes; every other row of its faces in the colour ``stripe`` if given."""
    start = np.asarray(low, np.float64)
    extent = np.asarray(high, np.float64) - start
    cells = tuple(min(max(math.ceil(side / _CELL), 1), 12) for side in extent.tolist())
    corners, normals, odd = _unit_box(cells)
    colours = np.empty((len(odd), 3))
    colours[:] = colour
    if stripe is not None:
        colours[odd] = stripe
    quads, none = np.arange(4 * len(odd)).reshape(-1, 4), np.zeros((0, 8), np.int64)
    return Mesh(start + extent * corners, normals, quads, colours, none, np.zeros((0, 3)))


@functools.lru_cache(maxsize=4096)
def _unit_box(cells: tuple[int, ...]) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Corners [4 n, 3] and normals [4 n, 3] of the n cells of a unit cube's sides, and which lie in odd rows [n]."""
    parts = [_unit_side(cells, axis, end) for axis in range(3) for end in (0, 1)]
    corners, normals, odd = (np.concatenate(part) for part in zip(*parts, strict=True))
    return corners, normals, odd


def _unit_side(cells: tuple[int, ...], axis: int, end: int) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    u, v = (axis + 1) % 3, (axis + 2) % 3
    i, j = (grid.reshape(-1) for grid in np.meshgrid(np.arange(cells[u]), np.arange(cells[v]), indexing='ij'))
    turn = ((0, 0), (1, 0), (1, 1), (0, 1)) if end == 0 else ((0, 0), (0, 1), (1, 1), (1, 0))
    corners = np.full((len(i), 4, 3), float(end))
    for k, (p, q) in enumerate(turn):
        corners[:, k, u], corners[:, k, v] = (i + p) / cells[u], (j + q) / cells[v]
    normals = np.zeros((4 * len(i), 3))
    normals[:, axis] = 2.0 * end - 1.0
    return corners.reshape(-1, 3), normals, (i if axis == 0 else j) % 2 == 1


def tube(rows: Array, colour: Array, *, lean: float = 0.0) -> Mesh:
    """A round thing from the top down: rows are height, radius. ``lean`` metres to the side for each metre up."""
    builder = Builder(_AROUND)
    rows = np.asarray(rows, float)
    centres = np.stack([rows[:, 0] * lean, rows[:, 0], np.zeros(len(rows))], axis=1)
    builder.tube(centres, np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), rows[:, 1], rows[:, 1], colour)
    return builder.build()


def ball(centre: Array, radius: float, colour: Array, *, flat: float = 1.0) -> Mesh:
    """A sphere or, with ``flat``, a spheroid."""
    angle = np.linspace(0.02, np.pi - 0.02, 8)
    rows = np.stack([flat * radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return placed(tube(rows, colour), np.eye(3), np.asarray(centre, float))


def seat(rng: Rng, height: float, *, back: bool) -> Mesh:
    """A chair, stool or block whose top is at ``height``; the sitter looks along +z."""
    colour, half = cloth_colour(rng), rng.uniform(0.20, 0.26)
    height = max(height, 0.12)
    if rng.random() < 0.35:
        parts = [box((-half, 0, -half), (half, height, half), colour)]
    else:
        parts = [box((-half, height - 0.05, -half), (half, height, half), colour)]
        leg = colour * 0.6
        for x in (-half, half - 0.04):
            for z in (-half, half - 0.04):
                parts.append(box((x, 0, z), (x + 0.04, height - 0.05, z + 0.04), leg))
    if back:
        parts.append(box((-half, height, -half - 0.04), (half, height + rng.uniform(0.3, 0.5), -half), colour * 0.9))
    return join(parts)


def _crate(rng: Rng) -> Mesh:
    x, y, z = rng.uniform(0.15, 0.45, 3)
    colour = cloth_colour(rng)
    return box((-x, 0, -z), (x, 2 * y, z), colour, stripe=colour * rng.uniform(0.75, 1.0))


def _table(rng: Rng) -> Mesh:
    x, z, height = rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.5), rng.uniform(0.6, 0.8)
    colour = from_hsv(rng.uniform(5, 22), rng.uniform(60, 170), rng.uniform(60, 220))
    parts = [box((-x, height - 0.05, -z), (x, height, z), colour)]
    for sx in (-1, 1):
        for sz in (-1, 1):
            low = (sx * (x - 0.04) - 0.03, 0, sz * (z - 0.04) - 0.03)
            parts.append(box(low, (low[0] + 0.06, height - 0.05, low[2] + 0.06), colour * 0.8))
    for _ in range(int(rng.integers(0, 4))):  # what lies on it
        place = np.array([rng.uniform(-x, x) * 0.8, height, rng.uniform(-z, z) * 0.7])
        size = rng.uniform(0.03, 0.14, 3)
        parts.append(box(place - size * (1, 0, 1), place + size * (1, 2, 1), cloth_colour(rng)))
    return join(parts)


def _counter(rng: Rng) -> Mesh:
    x, height = rng.uniform(0.5, 1.3), rng.uniform(0.8, 1.1)
    colour = cloth_colour(rng)
    return join([
        box((-x, 0, -0.22), (x, height - 0.06, 0.22), colour, stripe=colour * rng.uniform(0.8, 1.0)),
        box((-x - 0.05, height - 0.06, -0.28), (x + 0.05, height, 0.28), cloth_colour(rng)),
    ])  # fmt: skip


def _pole(rng: Rng) -> Mesh:
    radius, height = rng.uniform(0.03, 0.16), rng.uniform(1.2, 4.0)
    rows = [(y, radius) for y in np.linspace(height, 0, 12)]
    return tube(np.array([(height + 0.001, 0.0), *rows]), cloth_colour(rng), lean=rng.normal(0, 0.02))


def _tree(rng: Rng) -> Mesh:
    height, radius = rng.uniform(1.2, 2.6), rng.uniform(0.06, 0.16)
    trunk = tube(
        np.array([(y, radius * (1.3 - 0.4 * y / height)) for y in np.linspace(height, 0, 9)]), from_hsv(12, 100, 85)
    )
    return join([trunk, *_foliage(rng, height, rng.uniform(0.6, 1.2), 5)])


def _bush(rng: Rng) -> Mesh:
    bush = join(_foliage(rng, 0.0, rng.uniform(0.3, 0.7), 4))
    return placed(bush, np.eye(3), np.array([0.0, -0.03 - bush.vertices[:, 1].min(), 0.0]))


def _foliage(rng: Rng, height: float, size: float, n: int) -> list[Mesh]:
    hue = rng.uniform(30, 75)
    parts = []
    for _ in range(n):
        centre = np.array([rng.normal(0, 0.5), abs(rng.normal(0.3, 0.3)), rng.normal(0, 0.5)]) * size + (0, height, 0)
        colour = from_hsv(hue + rng.normal(0, 4), rng.uniform(90, 200), rng.uniform(60, 170))
        parts.append(ball(centre, size * rng.uniform(0.35, 0.6), colour, flat=rng.uniform(0.7, 1.0)))
    return parts


def _ball(rng: Rng) -> Mesh:
    radius = rng.uniform(0.1, 0.35)
    return ball(np.array([0, radius, 0]), radius, cloth_colour(rng))


def _barrel(rng: Rng) -> Mesh:
    height, radius = rng.uniform(0.5, 1.0), rng.uniform(0.2, 0.35)
    y = np.linspace(height, 0, 6)
    bulge = radius * (1 + rng.uniform(0, 0.2) * np.sin(np.pi * y / height))
    return tube(np.concatenate([[(height + 0.001, 0.0)], np.stack([y, bulge], axis=1)]), cloth_colour(rng))


def _sign(rng: Rng) -> Mesh:
    x, y, height = rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.4), rng.uniform(0.3, 1.6)
    pole = tube(np.array([(v, 0.03) for v in np.linspace(height, 0, 8)]), np.full(3, 120.0))
    return join(
        [pole, box((-x, height, -0.02), (x, height + 2 * y, 0.02), cloth_colour(rng), stripe=cloth_colour(rng))]
    )


def _fence(rng: Rng) -> Mesh:
    length, height, colour = rng.uniform(0.8, 2.0), rng.uniform(0.6, 1.1), cloth_colour(rng)
    parts = [box((-length, y, -0.02), (length, y + 0.07, 0.02), colour) for y in (0.25 * height, 0.85 * height)]
    for x in np.arange(-length, length, rng.uniform(0.18, 0.4)):
        parts.append(box((x, 0, -0.03), (x + 0.06, height, 0.03), colour * 0.9))
    return join(parts)


def _car(rng: Rng) -> Mesh:
    colour = cloth_colour(rng)
    parts = [
        box((-2.0, 0.3, -0.85), (2.0, 0.85, 0.85), colour),
        box((-1.1, 0.85, -0.75), (0.9, 1.4, 0.75), np.full(3, 60.0)),
    ]
    parts.append(box((-1.1, 1.4, -0.75), (0.9, 1.45, 0.75), colour))
    wheel = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    for x in (-1.25, 1.25):
        for z in (-0.86, 0.86):
            disc = tube(np.array([(0.1, 0.0), (0.09, 0.32), (-0.09, 0.32), (-0.1, 0.0)]), np.full(3, 40.0))
            parts.append(placed(disc, wheel, np.array([x, 0.32, z])))
    return join(parts)


_KINDS: tuple[tuple[Callable[[Rng], Mesh], float], ...] = (
    (_crate, 3.0), (_table, 2.0), (_counter, 1.5), (_pole, 2.0), (_tree, 1.0), (_bush, 1.5), (_ball, 1.0),
    (_barrel, 1.0), (_sign, 1.0), (_fence, 1.0), (_car, 0.4),
)  # fmt: skip


def sample(rng: Rng) -> Mesh:
    """One thing, standing at the origin."""
    return pick(rng, [make for make, _ in _KINDS], [weight for _, weight in _KINDS])(rng)

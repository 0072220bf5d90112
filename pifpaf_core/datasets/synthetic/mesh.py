"""Surfaces as vertices and faces, built of tubes: rings of vertices along a line, joined by quadrilaterals."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mesh:
    """A coloured surface in world coordinates (metres, y up).

    Attributes:
        vertices: [V, 3].
        normals: [V, 3], unit vectors that point outwards.
        quads: [F, 4] vertex indices; seen from outside they turn clockwise.
        colours: [F, 3], blue green red in [0, 255].
        patches: [G, 8] vertex indices of small flat octagons on the surface, e.g. eyes; drawn over what they lie on.
        patch_colours: [G, 3].
    """

    vertices: Array
    normals: Array
    quads: Indices
    colours: Array
    patches: Indices
    patch_colours: Array


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *[len(mesh.vertices) for mesh in meshes[:-1]]])
    return Mesh(
        np.concatenate([np.zeros((0, 3)), *(m.vertices for m in meshes)]),
        np.concatenate([np.zeros((0, 3)), *(m.normals for m in meshes)]),
        np.concatenate([np.zeros((0, 4), np.int64), *(m.quads + s for m, s in zip(meshes, starts, strict=False))]),
        np.concatenate([np.zeros((0, 3)), *(m.colours for m in meshes)]),
        np.concatenate([np.zeros((0, 8), np.int64), *(m.patches + s for m, s in zip(meshes, starts, strict=False))]),
        np.concatenate([np.zeros((0, 3)), *(m.patch_colours for m in meshes)]),
    )


class Builder:
    """Collects tubes and patches of one figure or thing.

    Args:
        sides: vertices on each ring. All rings have as many, so that they are computed at once.
    """

    def __init__(self, sides: int) -> None:
        self.sides = sides
        angle = 2.0 * np.pi * np.arange(sides) / sides
        self.sine, self.cosine = np.sin(angle), np.cos(angle)
        self.middle = angle + np.pi / sides  # of each face; 0 is in front, pi/2 on the left
        self._rings: list[Array] = []
        self._lengths: list[int] = []
        self._colours: list[Array] = []
        self._shown: list[npt.NDArray[np.bool_]] = []
        self._patches: list[Array] = []

    def tube(
        self,
        centres: Array,
        across: Array,
        front: Array,
        width: Array,
        depth: Array,
        colours: Array,
        *,
        shown: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Add a tube of n elliptic rings, or k such tubes at once. ``across`` x ``front`` must point along the tube.

        Args:
            centres: [n, 3] or [k, n, 3].
            across: unit axis of the rings; anything that broadcasts to the shape of ``centres``.
            front: the same, at right angles to it.
            width: [n] radii along ``across``.
            depth: [n] radii along ``front``.
            colours: anything that broadcasts to [n - 1, sides, 3].
            shown: anything that broadcasts to [n - 1, sides]; faces that are not shown do not exist.
        """
        n, k = centres.shape[-2], centres.size // (3 * centres.shape[-2])
        rings = np.empty((*centres.shape[:-1], 11))
        rings[..., 0:3], rings[..., 3:6], rings[..., 6:9] = centres, across, front
        rings[..., 9], rings[..., 10] = width, depth
        faces = np.empty((k, n - 1, self.sides, 3))
        faces[:] = colours
        mask = np.empty((k, n - 1, self.sides), bool)
        mask[:] = True if shown is None else shown
        self._rings.append(rings.reshape(-1, 11))
        self._lengths += [n] * k
        self._colours.append(faces.reshape(-1, 3))
        self._shown.append(mask.reshape(-1))

    def patches(self, centres: Array, across: Array, along: Array, colours: Array) -> None:
        """Add n flat ellipses with the half axes ``across`` [n, 3] and ``along`` [n, 3], in the colours [n, 3]."""
        self._patches.append(np.concatenate([centres, across, along, colours], axis=1))

    def build(self) -> Mesh:
        """All that was added, as one mesh."""
        rings = np.concatenate(self._rings)
        centres, across, front, width, depth = rings[:, 0:3], rings[:, 3:6], rings[:, 6:9], rings[:, 9], rings[:, 10]
        along = cross(across, front)
        slope = _slope(centres, along, width + depth, self._lengths)[:, None, None]
        s, c = self.sine[None, :, None], self.cosine[None, :, None]
        w, d = np.maximum(width, 1e-4)[:, None, None], np.maximum(depth, 1e-4)[:, None, None]
        vertices = centres[:, None] + (w * s) * across[:, None] + (d * c) * front[:, None]
        radial = (s / w) * across[:, None] + (c / d) * front[:, None]
        radial *= np.cos(slope) / np.sqrt(np.einsum('ijk,ijk->ij', radial, radial))[..., None]
        normals = radial + np.sin(slope) * along[:, None]
        shown = np.concatenate(self._shown)
        patches = np.concatenate([np.zeros((0, 12)), *self._patches])
        patch_vertices, patch_normals = _octagons(patches)
        start = vertices.shape[0] * self.sides
        return Mesh(
            np.concatenate([vertices.reshape(-1, 3), patch_vertices.reshape(-1, 3)]),
            np.concatenate([normals.reshape(-1, 3), patch_normals.reshape(-1, 3)]),
            _quads(tuple(self._lengths), self.sides)[shown],
            np.concatenate(self._colours)[shown],
            start + np.arange(8 * len(patches)).reshape(-1, 8),
            patches[:, 9:],
        )


def cross(a: Array, b: Array) -> Array:
    """Cross product of [..., 3] and [..., 3]; numpy's own is ten times slower on small arrays."""
    product = np.empty(np.broadcast_shapes(a.shape, b.shape))
    product[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    product[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    product[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def _octagons(patches: Array) -> tuple[Array, Array]:
    """Corners and normals [G, 8, 3] of patches [G, 12]: centre, two half axes, colour."""
    centre, across, along = patches[:, None, 0:3], patches[:, None, 3:6], patches[:, None, 6:9]
    corners = centre + across * _OCTAGON[None, :, :1] + along * _OCTAGON[None, :, 1:]
    normal = cross(across, along)
    normal /= np.sqrt((normal * normal).sum(axis=2, keepdims=True))
    return corners, np.repeat(normal, 8, axis=1)


_TURN = -2.0 * np.pi * (np.arange(8) + 0.5) / 8
_OCTAGON = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def _slope(centres: Array, along: Array, size: Array, lengths: list[int]) -> Array:
    """[n] angle by which the surface at each ring faces forward along the tube: positive where it narrows."""
    starts = np.cumsum([0, *lengths[:-1]])
    index = np.arange(len(centres))
    before = np.maximum(index - 1, np.repeat(starts, lengths))
    after = np.minimum(index + 1, np.repeat(starts + lengths, lengths) - 1)
    step = np.abs(np.einsum('ij,ij->i', centres[after] - centres[before], along)) + 1e-4
    return np.asarray(np.arctan2(0.5 * (size[before] - size[after]), step))


@functools.lru_cache(maxsize=4096)
def _quads(lengths: tuple[int, ...], sides: int) -> Indices:
    starts = np.cumsum([0, *lengths[:-1]])
    rings = np.concatenate([np.arange(n - 1) + start for n, start in zip(lengths, starts, strict=True)])
    first = np.arange(sides)
    second = (first + 1) % sides
    upper, lower = rings[:, None] * sides, (rings[:, None] + 1) * sides
    return np.stack([upper + first, upper + second, lower + second, lower + first], axis=2).reshape(-1, 4)

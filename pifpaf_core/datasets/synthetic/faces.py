"""From meshes in the world to the faces that a camera sees: where in the image, how far, and how they are lit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .mesh import Mesh, join

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
SCALE = 2  # subpixels along each side of a pixel
SHIFT = 4  # binary digits behind the point of the corners
_NEAREST = 0.15
_PATCH_LIFT = 0.02  # metres by which patches are drawn before what they lie on


@dataclass(frozen=True)
class Light:
    """A distant lamp and the light from everywhere.

    Attributes:
        direction: [3] unit vector towards the lamp.
        lamp: [3] its strength in blue, green, red.
        sky: [3] strength of the light from above.
        ground: [3] of the light from below.
    """

    direction: Array
    lamp: Array
    sky: Array
    ground: Array


@dataclass(frozen=True)
class Faces:
    """Faces that the camera sees: F quadrilaterals, then G octagons.

    Attributes:
        quads: [F, 4, 2] int32 corners in subpixels, as fixed-point numbers with `SHIFT` binary digits.
        patches: [G, 8, 2] int32 the same.
        order: [F + G] depth by which they are drawn.
        depth: [F + G] metres from the camera.
        colour: [F + G, 3] under light of brightness 1.
        shade: [F + G, 3] a, b, c: the brightness at the subpixel x, y is a + b x + c y.
        owner: [F + G] uint8, whose surface it is; in ascending order among the quadrilaterals.
    """

    quads: npt.NDArray[np.int32]
    patches: npt.NDArray[np.int32]
    order: Array
    depth: Array
    colour: Array
    shade: Array
    owner: npt.NDArray[np.uint8]


def visible(meshes: list[tuple[int, Mesh]], camera: Camera, light: Light) -> Faces:
    """The faces of ``meshes`` that turn towards the camera and touch the image.

    Args:
        meshes: pairs of owner (1 to 255) and mesh, by ascending owner.
        camera: sees them.
        light: falls on them.
    """
    mesh = join([m for _, m in meshes])
    owners = np.array([owner for owner, _ in meshes], np.uint8)
    quad_owner = np.repeat(owners, [len(m.quads) for _, m in meshes])
    patch_owner = np.repeat(owners, [len(m.patches) for _, m in meshes])
    xy, depth = camera.project(mesh.vertices)
    xy = xy * SCALE + (SCALE - 1) / 2
    brightness, tint = _lit(mesh.normals, light)
    quads, patches = _seen(mesh.quads, xy, depth, camera), _seen(mesh.patches, xy, depth, camera)
    q, p = mesh.quads[quads], mesh.patches[patches]
    quad_depth, patch_depth = _mean(depth, q), _mean(depth, p)
    return Faces(
        quads=_fixed(xy[q]),
        patches=_fixed(xy[p]),
        order=np.concatenate([quad_depth, patch_depth - _PATCH_LIFT]),
        depth=np.concatenate([quad_depth, patch_depth]),
        colour=np.concatenate([mesh.colours[quads] * tint[q[:, 0]], mesh.patch_colours[patches] * tint[p[:, 0]]]),
        shade=np.concatenate([_gradient(xy, brightness, q), _flat(brightness, p)]),
        owner=np.concatenate([quad_owner[quads], patch_owner[patches]]),
    )


def _mean(values: Array, faces: Indices) -> Array:
    """Mean over the corners of each face; written out, as numpy reduces short axes slowly."""
    total = values[faces[:, 0]]
    for k in range(1, faces.shape[1]):
        total = total + values[faces[:, k]]
    return np.asarray(total / faces.shape[1])


def _seen(faces: Indices, xy: Array, depth: Array, camera: Camera) -> Indices:
    """Numbers of the faces that turn towards the camera, lie before it and touch the image."""
    n = faces.shape[1]
    a, b, c, d = (faces[:, k * n // 4] for k in range(4))
    before = depth > _NEAREST
    x, y = np.ascontiguousarray(xy.T)
    facing = (x[c] - x[a]) * (y[d] - y[b]) - (y[c] - y[a]) * (x[d] - x[b]) > 0
    near = np.flatnonzero(facing & before[a] & before[b] & before[c] & before[d])
    width, height = camera.size[0] * SCALE, camera.size[1] * SCALE
    outside = np.stack([x < 0, x > width, y < 0, y > height], axis=1)
    a, b, c, d = (corner[near] for corner in (a, b, c, d))
    off = (outside[a] & outside[b] & outside[c] & outside[d]).any(axis=1)
    return np.asarray(near[~off])


def _lit(normals: Array, light: Light) -> tuple[Array, Array]:
    """[V] brightness and [V, 3] tint of the light on surfaces with these normals."""
    lamp = np.maximum(normals @ light.direction, 0.0)[:, None] * light.lamp
    up = 0.5 + 0.5 * normals[:, 1:2]
    total = lamp + up * light.sky + (1.0 - up) * light.ground
    brightness = (total[:, 0] + total[:, 1] + total[:, 2]) / 3
    return brightness, total / brightness[:, None]


def _gradient(xy: Array, brightness: Array, quads: Indices) -> Array:
    """[F, 3] a, b, c such that a + b x + c y is about the brightness at the corners of each quad."""
    p0, p1, p2, p3 = (xy[quads[:, k]] for k in range(4))
    v0, v1, v2, v3 = (brightness[quads[:, k]] for k in range(4))
    d, e, dv, ev = p2 - p0, p3 - p1, v2 - v0, v3 - v1
    area = d[:, 0] * e[:, 1] - d[:, 1] * e[:, 0]
    safe = np.where(area > 2.0, area, np.inf)
    b, c = (dv * e[:, 1] - ev * d[:, 1]) / safe, (ev * d[:, 0] - dv * e[:, 0]) / safe
    middle = (p0 + p1 + p2 + p3) / 4
    return np.stack([(v0 + v1 + v2 + v3) / 4 - b * middle[:, 0] - c * middle[:, 1], b, c], axis=1)


def _flat(brightness: Array, patches: Indices) -> Array:
    """[G, 3] the same for patches, which are lit evenly."""
    shade = np.zeros((len(patches), 3))
    shade[:, 0] = _mean(brightness, patches)
    return shade


def _fixed(corners: Array) -> npt.NDArray[np.int32]:
    return np.clip(np.rint(corners * (1 << SHIFT)), -(1 << 24), 1 << 24).astype(np.int32)

import numpy as np
import pytest

from pifpaf_core.datasets.synthetic.mesh import Builder, cross, join

X, Y, Z = np.eye(3)
RED = np.array([0.0, 0, 255])


def cylinder(sides=8, n=4, *, shown=None):
    builder = Builder(sides)
    centres = np.stack([np.zeros(n), np.linspace(1, 0, n), np.zeros(n)], axis=1)
    builder.tube(centres, X, Z, np.full(n, 0.5), np.full(n, 0.5), RED, shown=shown)
    return builder


def test_a_tube_has_rings_of_the_given_radii():
    mesh = cylinder().build()
    assert mesh.vertices.shape == (32, 3) and mesh.quads.shape == (24, 4) and mesh.colours.shape == (24, 3)
    np.testing.assert_allclose(np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 2]), 0.5)
    np.testing.assert_allclose(mesh.vertices[0], (0, 1, 0.5))  # the first is in front


def test_normals_point_outwards():
    mesh = cylinder().build()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1)
    assert (mesh.normals * mesh.vertices * (1, 0, 1)).sum(axis=1).min() > 0.4


def test_a_cone_faces_where_it_narrows():
    builder = Builder(8)
    builder.tube(
        np.array([[0, 1.0, 0], [0, 0.5, 0], [0, 0, 0]]), X, Z, np.array([0.0, 0.5, 1]), np.array([0.0, 0.5, 1]), RED
    )
    assert builder.build().normals[:, 1].min() > 0.6  # widens downwards, so it faces up


def test_faces_turn_outwards():
    mesh = cylinder().build()
    a, b, _, d = (mesh.vertices[mesh.quads[:, k]] for k in range(4))
    outwards = -cross(b - a, d - a)  # clockwise as seen from outside
    middle = mesh.vertices[mesh.quads].mean(axis=1)
    assert (outwards * middle * (1, 0, 1)).sum(axis=1).max() < 0 or (outwards * middle * (1, 0, 1)).sum(
        axis=1
    ).min() > 0


def test_faces_that_are_not_shown_do_not_exist():
    builder = cylinder(shown=np.arange(8) < 3)
    assert len(builder.build().quads) == 9


def test_patches_are_flat_octagons_with_their_colour():
    builder = cylinder()
    builder.patches(np.array([[0, 0.5, 0.6]]), 0.1 * X[None], 0.2 * Y[None], RED[None])
    mesh = builder.build()
    corners = mesh.vertices[mesh.patches[0]]
    assert mesh.patches.shape == (1, 8) and (mesh.patch_colours == RED).all()
    np.testing.assert_allclose(corners[:, 2], 0.6)
    np.testing.assert_allclose(((corners - (0, 0.5, 0.6)) / (0.1, 0.2, 1))[:, :2].__pow__(2).sum(axis=1), 1)
    np.testing.assert_allclose(mesh.normals[mesh.patches[0]], np.tile(Z, (8, 1)), atol=1e-12)


def test_join_shifts_the_indices():
    one = cylinder().build()
    both = join([one, one])
    assert len(both.vertices) == 64 and both.quads[24:].min() == 32
    np.testing.assert_array_equal(both.vertices[both.quads[24:]], one.vertices[one.quads])
    assert join([]).quads.shape == (0, 4)


@pytest.mark.parametrize('shape', [(3,), (5, 3), (2, 4, 3)])
def test_cross_agrees_with_numpy(shape):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=shape), rng.normal(size=shape)
    np.testing.assert_allclose(cross(a, b), np.cross(a, b))

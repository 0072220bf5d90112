import numpy as np
import pytest

from pifpaf_core.transforms import warp as module
from pifpaf_core.transforms.geometry import mirroring, rotated_size, rotation, scaling, translation
from pifpaf_core.transforms.warp import FILL, warp


def picture(width=40, height=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def slowly(image, matrix, size, fill=FILL):
    """Bilinear in float64, before rounding."""
    inverse = np.linalg.inv(matrix)
    height, width = image.shape[:2]
    result = np.empty((size[1], size[0], 3))
    for y in range(size[1]):
        for x in range(size[0]):
            u, v, _ = inverse @ [x, y, 1.0]
            if not (-1e-6 <= u <= width - 1 + 1e-6 and -1e-6 <= v <= height - 1 + 1e-6):
                result[y, x] = fill
                continue
            u, v = min(max(u, 0), width - 1), min(max(v, 0), height - 1)
            left, top = min(int(u), max(width - 2, 0)), min(int(v), max(height - 2, 0))
            right, below = min(left + 1, width - 1), min(top + 1, height - 1)
            wx, wy = u - left, v - top
            a, b = (image[row, left] * (1 - wx) + image[row, right] * wx for row in (top, below))
            result[y, x] = a * (1 - wy) + b * wy
    return result


CASES = {
    'identity': (np.eye(3), (40, 30)),
    'mirror': (mirroring(40), (40, 30)),
    'larger': (scaling((40, 30), (77, 59)), (77, 59)),
    'smaller': (scaling((40, 30), (13, 11)), (13, 11)),
    'crop': (translation(-11, -7), (16, 16)),
    'pad': (translation(5.5, 3.25), (60, 50)),
    'outside': (translation(100, 0), (10, 10)),
    'turn': (rotation(90, (40, 30), (30, 40)), (30, 40)),
    'rotation': (rotation(27, (40, 30), rotated_size(27, (40, 30))), rotated_size(27, (40, 30))),
    'all': (translation(-9, -4) @ rotation(-13, (60, 50), (60, 60)) @ scaling((40, 30), (60, 50)), (33, 44)),
}


@pytest.mark.parametrize('name', CASES)
def test_is_exact_bilinear(name):
    matrix, size = CASES[name]
    result = warp(picture(), matrix, size)
    assert np.abs(result - slowly(picture(), matrix, size)).max() < 0.5 + 1e-4  # float32 decides ties its own way


def test_identity_and_mirror_are_exact():
    np.testing.assert_array_equal(warp(picture(), np.eye(3), (40, 30)), picture())
    np.testing.assert_array_equal(warp(picture(), mirroring(40), (40, 30)), picture()[:, ::-1])


def test_quarter_turns_are_exact():
    np.testing.assert_array_equal(warp(picture(), rotation(90, (40, 30), (30, 40)), (30, 40)), np.rot90(picture()))


@pytest.mark.parametrize('name', ['larger', 'smaller', 'pad', 'outside'])
def test_both_kernels_agree(name):
    matrix, size = CASES[name]
    result = np.empty((size[1], 3 * size[0]), np.uint8)
    result[:] = np.tile(np.array(FILL, np.uint8), size[0])
    module._warp_affine(picture().reshape(-1), 40, 30, np.linalg.inv(matrix), np.full(2, 1e-6), result)
    np.testing.assert_array_equal(warp(picture(), matrix, size), result.reshape(size[1], size[0], 3))


@pytest.mark.parametrize('shape', [(1, 1), (1, 20), (20, 1)])
@pytest.mark.parametrize('angle', [0, 20])
def test_single_rows_and_columns(shape, angle):
    image = picture(*shape)
    matrix = rotation(angle, shape, (25, 25))
    assert np.abs(warp(image, matrix, (25, 25)) - slowly(image, matrix, (25, 25))).max() < 0.5 + 1e-4


def test_fill():
    assert warp(picture(), translation(100, 0), (2, 2), fill=(1, 2, 3)).tolist() == [[[1, 2, 3]] * 2] * 2


def stripes():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 255
    return image


def test_area_averages_where_the_image_shrinks():
    shrink = scaling((64, 64), (16, 16))
    assert np.abs(warp(stripes(), shrink, (16, 16), resample='area').astype(int) - 127.5).max() < 10
    assert np.abs(warp(stripes(), shrink, (16, 16)).astype(int) - 127.5).max() > 60


def test_area_does_not_move_the_image():
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], (64, 1, 3))
    linear, area = (warp(ramp, scaling((64, 64), (20, 20)), (20, 20), resample=r) for r in ('linear', 'area'))
    assert np.abs(linear.astype(int) - area)[:, 1:-1].max() <= 1


def test_area_is_linear_where_the_image_grows():
    matrix, size = CASES['larger']
    np.testing.assert_array_equal(warp(picture(), matrix, size, resample='area'), warp(picture(), matrix, size))

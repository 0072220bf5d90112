import numpy as np
import pytest

from pifpaf_core.datasets.synthetic import backdrop
from pifpaf_core.datasets.synthetic.camera import Camera

CAMERA = Camera((160, 120), 120.0, 1.5, 5.0, roll=2.0)


@pytest.mark.parametrize('seed', range(30))
def test_backdrops_fill_the_image(seed):
    image = backdrop.paint(np.random.default_rng(seed), CAMERA, 5.0)
    assert image.shape == (120, 160, 3) and image.dtype == np.uint8 and image.std() > 1


@pytest.mark.parametrize('pitch', [-60.0, 60.0])
def test_cameras_that_see_only_sky_or_only_ground(pitch):
    for seed in range(6):
        backdrop.paint(np.random.default_rng(seed), Camera((160, 120), 120.0, 1.5, pitch), 5.0)


def test_the_same_numbers_give_the_same_backdrop():
    a, b = (backdrop.paint(np.random.default_rng(3), CAMERA, 5.0) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert (backdrop.paint(np.random.default_rng(4), CAMERA, 5.0) != a).mean() > 0.5


def test_noise_has_no_preferred_level():
    noise = backdrop.noise(np.random.default_rng(0), (160, 120))
    assert noise.shape == (36, 48) and abs(noise.mean()) < 0.5 and 0.05 < noise.std() < 1

import colorsys

import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from pifpaf_core.transforms.colour import ColourRecipe, blur, compressed, mix_channels, turn_hue

NONE = {'brightness': 0.0, 'contrast': 0.0, 'saturation': 0.0, 'hue': 0.0, 'jpeg': 0.0, 'grey': 0.0}


class Fixed:
    """Stands for a random generator: brightness, contrast, saturation and hue in this order, every factor the same."""

    def __init__(self, place):
        self.place = place

    def permutation(self, n):
        return np.arange(n)

    def uniform(self, low, high):
        return low + (high - low) * self.place

    def random(self):
        return 0.5


def photograph():
    """Soft shapes, so that colours do not reach the limits."""
    y, x = np.mgrid[:60, :80]
    rgb = [120 + 40 * np.sin(x / 9), 110 + 40 * np.cos(y / 7), 130 + 30 * np.sin((x + y) / 11)]
    return np.stack(rgb, axis=-1).astype(np.uint8)


def torchvision(name, image, factor):
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    return getattr(functional, name)(tensor, factor).permute(1, 2, 0).numpy()


@pytest.mark.parametrize('place', [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    ('option', 'amount', 'name'),
    [
        ('brightness', 0.4, 'adjust_brightness'),
        ('contrast', 0.1, 'adjust_contrast'),
        ('saturation', 0.4, 'adjust_saturation'),
        ('hue', 0.1, 'adjust_hue'),
    ],
)
def test_each_change_is_torchvisions(option, amount, name, place):
    ours = ColourRecipe(**{**NONE, option: amount})(photograph(), Fixed(place))
    factor = amount * (2 * place - 1) + (0.0 if option == 'hue' else 1.0)
    assert np.abs(ours.astype(int) - torchvision(name, photograph(), factor)).max() <= 1  # torchvision does not round
    assert (ours != photograph()).any() == (factor != (0.0 if option == 'hue' else 1.0))


def test_all_changes_together_in_order():
    recipe = ColourRecipe(jpeg=0.0, grey=0.0)
    expected = photograph()
    for option in ('brightness', 'contrast', 'saturation', 'hue'):
        factor = getattr(recipe, option) * 0.4 + (0.0 if option == 'hue' else 1.0)
        expected = torchvision(f'adjust_{option}', expected, factor)
    difference = np.abs(recipe(photograph(), Fixed(0.7)).astype(int) - expected)
    assert difference.max() <= 6  # torchvision cuts off decimals after each change
    assert difference.mean() < 1.5


def test_without_changes_the_image_stays():
    np.testing.assert_array_equal(ColourRecipe(**NONE)(photograph(), np.random.default_rng(0)), photograph())


def test_a_function_of_the_generator():
    first, second = (ColourRecipe()(photograph(), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (ColourRecipe()(photograph(), np.random.default_rng(4)) != first).any()


def test_grey():
    image = ColourRecipe(**{**NONE, 'grey': 1.0})(photograph(), np.random.default_rng(0))
    assert (image == image[..., :1]).all()
    assert image.std() > 5


def test_compression():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    recipe = ColourRecipe(**{**NONE, 'jpeg': 1.0, 'jpeg_quality': 50})
    np.testing.assert_array_equal(recipe(image.copy(), np.random.default_rng(0)), compressed(image, 50))
    losses = [np.abs(compressed(image, quality).astype(int) - image).mean() for quality in (95, 50, 5)]
    assert 0 < losses[0] < losses[1] < losses[2]
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    assert (compressed(red, 90)[..., 0] > 150).all()  # channels keep their order


def test_mixing_rounds_and_cuts():
    image = np.array([[[0, 100, 255]]], np.uint8)
    mix_channels(image, 2.0 * np.eye(3), np.array([-0.6, 0.6, 0.0]))
    assert image.tolist() == [[[0, 201, 255]]]


def test_hue_turns_red_to_green():
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 200
    turn_hue(red, 1 / 3)
    assert red.tolist() == [[[0, 200, 0]]]


@pytest.mark.parametrize('turn', [-0.1, 0.07, 0.5, 0.99])
def test_hue_is_that_of_the_colour_circle(turn):
    image = np.random.default_rng(0).integers(0, 256, (1, 200, 3)).astype(np.uint8)
    expected = []
    for rgb in image[0] / 255.0:
        hue, saturation, value = colorsys.rgb_to_hsv(*rgb)
        expected.append(colorsys.hsv_to_rgb((hue + turn) % 1.0, saturation, value))
    turn_hue(image, turn)
    assert np.abs(image[0] - 255.0 * np.array(expected)).max() < 0.501


def test_blur_stays_in_its_area():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    before = image.copy()
    blur(image, 3.0, np.array([10.0, 5.0, 19.0, 14.0]))  # columns 10 to 29, rows 5 to 19
    inside = np.zeros((40, 50), bool)
    inside[5:20, 10:30] = True
    np.testing.assert_array_equal(image[~inside], before[~inside])
    assert image[inside].std() < 0.5 * before[inside].std()


def test_blur_of_nothing():
    image = photograph()
    blur(image, 3.0, np.array([100.0, 100.0, 0.0, 0.0]))
    blur(image, 0.0, np.array([0.0, 0.0, 79.0, 59.0]))
    np.testing.assert_array_equal(image, photograph())

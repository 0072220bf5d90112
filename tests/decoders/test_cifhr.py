"""The map against a plain one (FIELDS section 12, rule 1)."""

import numpy as np
import pytest
from scenes import STRIDE, Scene, plain_map, random_field

from pifpaf_core.decoders import cifhr
from pifpaf_core.decoders.cells import cells, channels_of, find_cells
from pifpaf_core.headmeta import Cif, CifDet

WIDTH, HEIGHT = Scene.size
CHANNELS = channels_of(Cif)


def our_map(field, threshold, channels=CHANNELS, spread=0.5, everywhere=True):
    """The map, and the cells that voted."""
    hr = cifhr.high_resolution(len(field), WIDTH, HEIGHT)
    found = cells(len(field), field[0, 0].size)
    find_cells(field, channels, threshold, STRIDE, found)
    cifhr.start_map(hr)
    if everywhere:
        cifhr.reserve_all(hr)
    else:
        cifhr.reserve_places(found, hr)
    cifhr.vote(found, threshold, spread, hr)
    return hr, found


@pytest.mark.parametrize('seed', range(3))
def test_map_is_the_plain_one(seed):
    field = random_field(seed)
    hr, _ = our_map(field, 0.3)
    np.testing.assert_allclose(cifhr.dense_map(hr), plain_map(field, 0.3), atol=3e-6)


def test_map_of_boxes_leaves_out_negative_sizes():
    field = random_field(3, components=6)
    field[:, 4:] *= 5.0
    field[0, 4, ::2] *= -1.0
    channels = channels_of(CifDet)
    hr, _ = our_map(field, 0.3, channels, 0.1)
    expected = plain_map(field, 0.3, 0.1)
    np.testing.assert_allclose(cifhr.dense_map(hr), expected, atol=3e-6)
    assert abs(expected - plain_map(np.abs(field), 0.3, 0.1)).max() > 0.1


def test_reserved_places_read_like_the_whole_map():
    field = random_field(4)
    whole = cifhr.dense_map(our_map(field, 0.3)[0])
    hr, found = our_map(field, 0.3, everywhere=False)
    inside = 0
    for cell in found.records[: found.start[-1]]:
        x, y = cell['x'], cell['y']
        value = cifhr.value_at(hr.tiles, cell['place'], -1.0)
        if -0.49 <= x <= WIDTH - 0.51 and -0.49 <= y <= HEIGHT - 0.51:
            inside += 1
            assert value == whole[cell['field'], int(y + 0.5), int(x + 0.5)] > 0.0
        else:
            assert value == -1.0
    assert inside > 100
    assert hr.used[0] < hr.table.size


def test_what_is_no_number_has_no_place():
    hr = cifhr.high_resolution(1, WIDTH, HEIGHT)
    cifhr.start_map(hr)
    for x, y in ((np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (1.0, -np.inf)):
        assert cifhr.reserve(hr, 0, np.float32(x), np.float32(y)) == -1
    assert hr.used[0] == 0


def test_sixteen_voters_have_full_weight_and_no_more():
    field = np.zeros((1, 5, 15, 20), np.float32)
    field[0, 1, 4:8, 4:8] = 1.0
    field[0, 2], field[0, 3] = 6.0, 6.0
    hr, _ = our_map(field, 0.3)
    assert cifhr.dense_map(hr)[0, 48, 48] == 1.0
    field[0, 1, 4:8, 4:9] = 1.0
    hr, _ = our_map(field, 0.3)
    assert cifhr.dense_map(hr).max() == 1.0


def test_memory_of_another_image_does_not_show():
    field, other = random_field(5), random_field(6)
    fresh = cifhr.dense_map(our_map(field, 0.3)[0])
    hr, _ = our_map(other, 0.0)
    hr.tiles[:] = np.nan
    found = cells(2, 300)
    find_cells(field, CHANNELS, 0.3, STRIDE, found)
    cifhr.start_map(hr)
    cifhr.reserve_places(found, hr)
    cifhr.vote(found, 0.3, 0.5, hr)
    seen = cifhr.dense_map(hr)
    voted = seen > 0.0
    assert voted.any()
    assert (seen[voted] == fresh[voted]).all()


@pytest.mark.parametrize('size', [np.nan, np.inf, -1.0])
def test_a_size_that_is_no_size_does_not_vote(size):
    field = random_field(7)
    field[0, 4, 3, 3] = size
    field[0, 1, 3, 3] = 0.9
    clean = field.copy()
    clean[0, 1, 3, 3] = 0.0
    assert (cifhr.dense_map(our_map(field, 0.3)[0]) == cifhr.dense_map(our_map(clean, 0.3)[0])).all()


def test_beyond_the_bound_the_least_confident_do_not_vote():
    """Cells as large as the image: only as many of the surest ones vote as there are pixels to vote for."""
    fields = 17
    field = random_field(8, fields=fields)
    field = np.concatenate([field] * 12, axis=2)  # 12 times as many rows of cells, all within the map
    field[:, 4] = 100.0
    n = int((field[:, 1] >= 0.3).sum())
    affordable = cifhr.MAX_VOTED_PIXELS // (WIDTH * HEIGHT)
    assert affordable < n / 2
    hr, _ = our_map(field, 0.3)
    total = cifhr.dense_map(hr).max()
    assert total == 1.0
    surest = np.sort(field[:, 1].ravel())[::-1]
    weak = field.copy()
    weak[:, 1][weak[:, 1] < surest[affordable]] = 0.0  # who cannot vote anyway
    assert (cifhr.dense_map(our_map(weak, 0.3)[0]) >= cifhr.dense_map(hr)).all()
    alone = field.copy()
    alone[:, 1][alone[:, 1] < surest[affordable // 2]] = 0.0  # few enough to vote all
    assert (cifhr.dense_map(our_map(alone, 0.3)[0]) <= cifhr.dense_map(hr)).all()

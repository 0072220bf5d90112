import numpy as np
from scenes import STRIDE, Scene, chain_decoder, plain_map, random_field

from pifpaf_core.decoders import cifhr
from pifpaf_core.decoders.cells import cells, channels_of, find_cells
from pifpaf_core.decoders.inspection import inspect
from pifpaf_core.decoders.seeds import collect_seeds, seed_at, seeds
from pifpaf_core.headmeta import Cif

WIDTH, HEIGHT = Scene.size


def seeds_of(field, map_threshold=0.3, threshold=0.2):
    hr = cifhr.high_resolution(len(field), *Scene.size)
    found, result = cells(len(field), 300), seeds(len(field) * 300)
    find_cells(field, channels_of(Cif), min(map_threshold, threshold), STRIDE, found)
    cifhr.start_map(hr)
    cifhr.reserve_places(found, hr)
    cifhr.vote(found, map_threshold, 0.5, hr)
    n = collect_seeds(found, threshold, hr, result)
    return found.records[[seed_at(result, k) for k in range(n)]]


def test_seeds_are_nine_parts_map_and_one_part_cell():
    field = random_field(0)
    expected = []
    hr = plain_map(field, 0.3)
    for f, j, i in zip(*np.nonzero(field[:, 1] >= 0.2), strict=True):
        x, y = field[f, 2:4, j, i] * STRIDE
        inside = -0.49 <= x <= WIDTH - 0.51 and -0.49 <= y <= HEIGHT - 0.51
        value = 0.9 * (hr[f, int(y + 0.5), int(x + 0.5)] if inside else -1.0) + 0.1 * field[f, 1, j, i]
        if value >= 0.2:
            expected.append((value, x, y, field[f, 4, j, i] * STRIDE, f))
    expected = np.array(sorted(expected, reverse=True))
    ours = seeds_of(field)
    assert len(ours) == len(expected) > 50
    np.testing.assert_allclose(ours['score'], expected[:, 0], atol=3e-6)
    np.testing.assert_allclose(ours['x'], expected[:, 1], rtol=1e-6)
    assert (ours['width'] == ours['height']).all()
    assert (ours['field'] == expected[:, 4]).all()


def test_equal_seeds_keep_the_order_of_fields_and_cells():
    field = np.zeros((2, 5, 15, 20), np.float32)
    rows, columns = np.indices((15, 20))
    field[:, 2:4] = np.stack([columns, rows])
    field[:, 1], field[:, 4] = 0.9, 0.1
    ours = seeds_of(field, threshold=0.1)
    assert len(ours) == 600
    assert len(set(ours['score'].tolist())) == 1
    order = ours['field'] * 1e6 + ours['y'] * 1e3 + ours['x']
    assert (np.diff(order) > 0.0).all()


def test_sorted_like_a_stable_sort():
    field = random_field(1)
    ours = seeds_of(field, threshold=0.01)
    assert len(ours) > 300
    confidence = ours['score']
    assert (np.diff(confidence) <= 0.0).all()


def test_no_cell_no_seed(scene):
    assert len(inspect(chain_decoder(), scene.fields).seed_fields) == 0

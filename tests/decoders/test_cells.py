import numpy as np
import pytest

from pifpaf_core.decoders.cells import cells, channels_of, find_cells, is_place
from pifpaf_core.headmeta import Cif, CifDet


def test_channels_follow_the_layouts():
    assert channels_of(Cif) == (1, 2, (4, 4), 0.5)
    assert channels_of(CifDet) == (1, 2, (4, 5), 0.1)


def test_cells_at_the_threshold_in_row_major_order(scene):
    scene.cif[1, 1, 3, 7] = 0.5
    scene.cif[1, 1, 3, 2] = 0.3
    scene.cif[1, 1, 0, 19] = 0.31
    scene.cif[1, 1, 14, 0] = np.nextafter(np.float32(0.3), np.float32(0.0))
    found = cells(3, 300)
    find_cells(scene.cif, 1, 2, 0.3, found, 0)
    assert found.counts.tolist() == [0, 3, 0]
    assert found.indices[1, :3].tolist() == [19, 62, 67]


@pytest.mark.parametrize(('x', 'y'), [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (1.0, -np.inf), (1e30, 1.0)])
def test_a_regression_that_is_no_number_is_no_cell(scene, x, y):
    scene.cif[0, 1:4, 2, 2] = 0.9, x, y
    scene.cif[0, 1, 5, 5] = 0.9
    found = cells(3, 300)
    find_cells(scene.cif, 1, 2, 0.3, found, 0)
    assert found.counts[0] == 1
    assert not is_place(np.float32(x), np.float32(y))


def test_nan_confidence_is_no_cell(scene):
    scene.cif[0, 1, 2, 2] = np.nan
    found = cells(3, 300)
    find_cells(scene.cif, 1, 2, 0.0, found, 0)
    assert found.counts[0] == 299

import numpy as np
import pytest

from pifpaf_core.decoders.cells import cells, channels_of, find_cells, has_confident, is_place
from pifpaf_core.headmeta import Cif, CifDet

CHANNELS = channels_of(Cif)


def found_in(field, threshold=0.3, channels=CHANNELS):
    """The cells of a field at 8 pixels a cell."""
    found = cells(len(field), field[0, 0].size)
    find_cells(field, channels, threshold, 8, found)
    assert found.start[0] == 0
    return [found.records[a:b] for a, b in zip(found.start, found.start[1:], strict=False)]


def test_channels_follow_the_layouts():
    assert channels_of(Cif) == (1, 2, 4, 4)
    assert channels_of(CifDet) == (1, 2, 4, 5)


def test_cells_at_the_threshold_in_row_major_order(scene):
    for row, column, confidence in ((3, 7, 0.5), (3, 2, 0.3), (0, 19, 0.31)):
        scene.cif[1, 1, row, column] = confidence
    scene.cif[1, 1, 14, 0] = np.nextafter(np.float32(0.3), np.float32(0.0))
    first, second, third = found_in(scene.cif)
    assert (len(first), len(third)) == (0, 0)
    assert second['confidence'].tolist() == np.float32([0.31, 0.3, 0.5]).tolist()
    assert second['field'].tolist() == [1, 1, 1]
    assert list(zip(second['x'].tolist(), second['y'].tolist(), strict=True)) == [(152, 0), (16, 24), (56, 24)]


def test_sizes_in_pixels(scene):
    scene.cif[0, 1:, 5, 5] = 0.9, 5.5, 4.5, 2.0
    (cell,) = found_in(scene.cif)[0]
    assert (cell['x'], cell['y'], cell['width'], cell['height']) == (44.0, 36.0, 16.0, 16.0)
    boxes = np.zeros((1, 6, 3, 3), np.float32)
    boxes[0, 1:, 1, 1] = 0.9, 1.0, 1.0, 2.0, 3.0
    ((box,),) = found_in(boxes, channels=channels_of(CifDet))
    assert (box['width'], box['height']) == (16.0, 24.0)


@pytest.mark.parametrize(('x', 'y'), [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (1.0, -np.inf), (1e30, 1.0)])
def test_a_regression_that_is_no_number_is_no_cell(scene, x, y):
    scene.cif[0, 1:4, 2, 2] = 0.9, x, y
    scene.cif[0, 1, 5, 5] = 0.9
    assert len(found_in(scene.cif)[0]) == 1
    assert not is_place(np.float32(x), np.float32(y))


def test_nan_confidence_is_no_cell(scene):
    scene.cif[0, 1, 2, 2] = np.nan
    assert len(found_in(scene.cif, 0.0)[0]) == 299
    assert not has_confident(np.full(3, np.nan, np.float32), np.float32(0.0))
    assert has_confident(np.float32([np.nan, 0.3]), np.float32(0.3))

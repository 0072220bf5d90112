"""Padding and ignored regions in cells (FIELDS section 4)."""

import numpy as np
import pytest

from pifpaf_core.encoders import encode
from pifpaf_core.encoders.areas import field_shape, ignored_cells, known_window


@pytest.mark.parametrize(
    ('pixels', 'stride', 'cells'), [(641, 16, 41), (641, 8, 81), (385, 16, 25), (385, 8, 49), (1, 8, 1)]
)
def test_field_shape(pixels, stride, cells):
    assert field_shape((pixels, 1), stride) == (1, cells)


@pytest.mark.parametrize(
    ('area', 'expected'),
    [
        (None, [0, 0, 21, 16]),
        ([0, 0, 160, 120], [0, 0, 21, 16]),
        ([7.9, 8, 80, 80], [0, 1, 12, 12]),  # below one cell nothing is cut; the end is rounded up, and one more
        ([16, 24, 81, 40], [2, 3, 14, 9]),
        ([-30, -30, 400, 400], [0, 0, 21, 16]),
        ([400, 0, 10, 10], [21, 0, 21, 3]),
    ],
)
def test_known_window(area, expected):
    assert known_window(None if area is None else np.array(area, float), 8, (16, 21)).tolist() == expected


@pytest.mark.parametrize(
    ('box', 'margin', 'expected'),
    [
        ([40, 40, 16, 8], 0.0, [5, 5, 8, 7]),
        ([40, 40, 16, 8], 1.5, [3, 3, 10, 9]),
        ([-80, -80, 8, 8], 1.0, [0, 0, 1, 1]),  # off the image: one cell
        ([400, 400, 8, 8], 1.0, [20, 15, 21, 16]),
        ([-8, -8, 400, 400], 1.0, [0, 0, 21, 16]),
    ],
)
def test_ignored_cells(box, margin, expected):
    assert ignored_cells(np.array([box], float), 8.0, margin, 16, 21).tolist() == [expected]


@pytest.mark.parametrize('head', ['cif', 'caf', 'dense'])
def test_padding_has_confidence_zero_and_nothing_else(head, request, annotate, size):
    meta = request.getfixturevalue(head)
    truth = annotate(
        {0: (20, 30, 2), 1: (120, 90, 2), 2: (60, 40, 2), 3: (90, 20, 2)}, {}, boxes=[[0, 0, 9, 9], [0, 0, 99, 99]]
    )
    whole = encode(meta, truth, size=size)
    part = encode(meta, truth, size=size, valid_area=np.array([32.0, 24.0, 60.0, 40.0]))
    inside = np.s_[:, :, 3:9, 4:13]
    assert np.array_equal(part[inside], whole[inside], equal_nan=True)
    outside = np.ones(part.shape[2:], bool)
    outside[3:9, 4:13] = False
    assert (part[:, 0, outside] == 0.0).all()
    assert np.isnan(part[:, 1:, outside]).all()
    assert np.isnan(whole[:, 0, outside]).any()

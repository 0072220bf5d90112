"""Targets of boxes by hand (FIELDS section 7)."""

import numpy as np
import pytest

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.encoders import encode


def things(*rows, crowd=()):
    """Ground truth from (category, x, y, w, h)."""
    table = np.array(rows, float).reshape(-1, 5)
    return GroundTruth(
        np.zeros((len(table), 0, 3)), table[:, 1:], np.isin(np.arange(len(table)), crowd), table[:, 0].astype(np.int64)
    )


def test_one_box(cifdet, size):
    """Centre at 10, 8 cells, 6 by 4 cells."""
    target = encode(cifdet, things((2, 56, 48, 48, 32)), size=size)
    assert (target[[0, 2], 0] == 0.0).all()
    known = np.isfinite(target[1, 1])
    assert np.argwhere(known).tolist() == [[y, x] for y in range(6, 11) for x in range(8, 13)]
    assert target[1, :, 7, 9] == pytest.approx([1, 1, 1, 6, 4, 0.2, 0.2])
    assert (target[1, 0] == 1.0).sum() == 13  # within two cells of the centre
    assert np.isnan(target[1, 0]).sum() == 12  # the corners are left open


def test_bmin_of_a_small_box_is_a_pixel(cifdet, size):
    assert encode(cifdet, things((1, 76, 60, 8, 8)), size=size)[0, 5:, 8, 10] == pytest.approx([0.125, 0.125])


def test_a_crowd_is_ignored_in_its_category_only(cifdet, size):
    target = encode(cifdet, things((1, 120, 16, 24, 16), crowd=[0]), size=size)
    assert np.argwhere(np.isnan(target[0, 0])).tolist() == [[y, x] for y in range(0, 7) for x in range(13, 21)]
    assert (target[1:, 0] == 0.0).all()


def test_the_crowd_mask_is_clipped_by_the_right_axes(cifdet, size):
    """Columns beyond the number of rows, and rows beyond that of categories, which OpenPifPaf leaves out."""
    target = encode(cifdet, things((3, 144, 104, 8, 8), crowd=[0]), size=size)
    assert np.isnan(target[2, 0, 12:15, 17:20]).all()


def test_padding(cifdet, size):
    target = encode(
        cifdet,
        things((2, 56, 48, 48, 32), (2, 0, 0, 160, 120), crowd=[1]),
        size=size,
        valid_area=np.array([80, 64, 80, 56]),
    )
    assert (target[1, 0, :8] == 0.0).all()
    assert (target[1, 0, :, :10] == 0.0).all()
    assert target[1, 0, 8, 10] == 1.0


@pytest.mark.parametrize('category', [0, 4])
def test_unknown_category(category, cifdet, size):
    with pytest.raises(ValueError, match=f"category {category}, head 'cifdet' knows 1 to 3. Give"):
        encode(cifdet, things((category, 0, 0, 8, 8)), size=size)

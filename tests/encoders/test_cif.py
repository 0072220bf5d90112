"""CIF targets by hand (FIELDS section 5)."""

import numpy as np
import pytest

from pifpaf_core.encoders import EncoderOptions, encode


def test_one_keypoint(cif, annotate, size):
    """At 5.3, 6.6 cells: the patch starts at round(3.8), round(5.1), and its cells point at the keypoint."""
    target = encode(cif, annotate({1: (42.4, 52.8, 2)}), size=size, bmin=0.4)
    assert np.argwhere(target[1, 0] == 1.0).tolist() == [[y, x] for y in range(5, 9) for x in range(4, 8)]
    assert target[1, 1:3, 5, 4] == pytest.approx([1.3, 1.6], abs=1e-6)
    assert target[1, 3, 8, 7] == pytest.approx(0.05)
    assert np.isnan(target[1, 4]).all()  # too few keypoints for a scale
    assert (target[[0, 2, 3], 0] == 0.0).all()


def test_scale_is_that_of_the_instance_times_sigma(cif, annotate, size):
    """The upright pose spans 4 by 4 units; here 32 by 32 pixels, 4 cells."""
    xy = np.array(cif.skeleton.upright) * 8.0 + 40.0
    target = encode(cif, annotate({k: (*p, 2) for k, p in enumerate(xy)}), size=size)
    scales = [np.unique(field[4][np.isfinite(field[4])]) for field in target]
    assert np.concatenate(scales) == pytest.approx([0.4, 0.8, 1.2, 1.6])


def test_the_nearest_keypoint_has_the_cell_and_the_first_if_equal(cif, annotate, size):
    target = encode(cif, annotate({0: (40, 48, 2)}, {0: (56, 48, 2)}), size=size)
    assert target[0, 1, 6, 5:8].tolist() == [0.0, -1.0, 0.0]


def test_hidden_keypoints_count(cif, annotate, size):
    assert (encode(cif, annotate({0: (40, 48, 1)}), size=size)[0, 0] == 1.0).sum() == 16
    assert (encode(cif, annotate({0: (40, 48, 0)}), size=size)[0, 0] == 1.0).sum() == 0


@pytest.mark.parametrize(('xy', 'n'), [((0, 0), 4), ((-14, -14), 1), ((-17, 0), 0), ((160, 120), 6), ((1e6, 50), 0)])
def test_keypoints_at_and_beyond_the_border(xy, n, cif, annotate, size):
    assert (encode(cif, annotate({0: (*xy, 2)}), size=size)[0, 0] == 1.0).sum() == n


def test_near_cells_win_over_an_ignored_region(cif, annotate, size):
    truth = annotate({0: (80, 64, 2)}, {}, boxes=[[0, 0, 1, 1], [40, 40, 80, 48]])
    target = encode(cif, truth, size=size)
    patch = target[0, 0, 6:10, 8:12]
    assert target[0, 0, 8, 10] == 1.0  # at the keypoint
    assert np.isnan(patch).sum() == 15  # at distance 1 and more
    assert np.isnan(target[0, 0]).sum() == 15 * 11 - 1  # cells 5 to 15 and 5 to 11, 1.5 around them, and one at the end
    assert np.isnan(target[1, 0]).sum() == 15 * 11


@pytest.mark.parametrize('side', [1, 3, 4, 7])
def test_side_length(side, cif, annotate, size):
    target = encode(cif, annotate({0: (81, 63, 2)}), size=size, options=EncoderOptions(cif_side_length=side))
    assert (target[0, 0] == 1.0).sum() == side * side

import numpy as np
import pytest

from pifpaf_core.transforms import epoch_order, sample_generator


def test_a_function_of_its_arguments():
    sample_generator(1, 2, 'a', 3).random(100)
    np.testing.assert_array_equal(sample_generator(1, 2, 'a', 3).random(5), sample_generator(1, 2, 'a', 3).random(5))


@pytest.mark.parametrize('other', [(9, 2, 'a', 3), (1, 9, 'a', 3), (1, 2, 'b', 3), (1, 2, 'a', 9)])
def test_each_argument_counts(other):
    assert not np.intersect1d(sample_generator(1, 2, 'a', 3).random(1000), sample_generator(*other).random(1000)).size


def test_the_numbers_never_change():
    """A resumed training draws what the interrupted one would have drawn, also in a later version."""
    assert sample_generator(0, 0, 'cocokp-train', 0).integers(0, 10**9, 3).tolist() == [67851087, 308341611, 894690904]
    assert epoch_order(8, seed=0, epoch=0, dataset='cocokp-train', shuffle=True).tolist() == [7, 4, 2, 3, 6, 0, 1, 5]


def test_order_is_a_permutation_of_its_own_in_each_epoch():
    orders = [epoch_order(100, seed=0, epoch=e, dataset='a', shuffle=True) for e in range(3)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_negative_and_huge_seeds():
    assert sample_generator(-1, 0, 'a', 0).random() != sample_generator(2**63, 0, 'a', 0).random()


def test_no_shuffle():
    assert epoch_order(5, seed=3, epoch=4, dataset='a', shuffle=False).tolist() == [0, 1, 2, 3, 4]

import numpy as np
import pytest

from pifpaf_core.datasets.synthetic.chance import generator, pick


def test_generators_are_independent():
    numbers = [generator(seed, index).random(4).tolist() for seed in (0, 1) for index in (0, 1)]
    assert len({tuple(n) for n in numbers}) == 4


def test_a_generator_starts_over():
    assert generator(2**64 - 1, 5).random() == generator(2**64 - 1, 5).random()


@pytest.mark.parametrize(('weights', 'shares'), [(None, (1 / 3, 1 / 3, 1 / 3)), ((2, 0, 6), (0.25, 0.0, 0.75))])
def test_picking_by_weight(weights, shares):
    rng = np.random.default_rng(0)
    drawn = [pick(rng, 'abc', weights) for _ in range(4000)]
    for option, share in zip('abc', shares, strict=True):
        assert drawn.count(option) / 4000 == pytest.approx(share, abs=0.03)
        assert share or option not in drawn

import numpy as np
import pytest

from pifpaf_core.datasets.centrality import connection_weights, keypoint_weights, weighted
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons import skeleton_from_tables
from pifpaf_core.skeletons.wholebody import WHOLEBODY

# a chain of 1, 2, 4 units, and a keypoint that is not connected
CHAIN = skeleton_from_tables(
    [('a', 0.1, (0.0, 0.0)), ('b', 0.1, (1.0, 0.0)), ('c', 0.1, (3.0, 0.0)), ('d', 0.1, (7.0, 0.0)),
     ('alone', 0.1, (0.0, 5.0))],
    [(1, 2), (2, 3), (3, 4)],
)  # fmt: skip


def test_mean_distance_to_the_keypoints_near():
    means = np.array([(1 + 3 + 7) / 3, (1 + 2 + 6) / 3, (3 + 2 + 4) / 3, (7 + 6 + 4) / 3, (7 + 6 + 4) / 3])
    assert keypoint_weights(CHAIN) == pytest.approx(means / means.mean())


def test_radius():
    means = np.array([1, (1 + 2) / 2, (2 + 4) / 2, 4, 4])
    assert keypoint_weights(CHAIN, radius=1) == pytest.approx(means / means.mean())


def test_without_connections_all_are_equal():
    points = skeleton_from_tables([('a', 0.1, (0.0, 0.0)), ('b', 0.1, (1.0, 0.0))], [])
    assert keypoint_weights(points) == (1.0, 1.0)


def test_connections():
    assert connection_weights([(0, 1), (1, 2)], (1.0, 2.0, 5.0)) == pytest.approx((0.6, 1.4))


def test_body_counts_as_much_as_face_and_hands():
    weights = keypoint_weights(WHOLEBODY)
    assert np.mean(weights) == pytest.approx(1.0)
    assert sum(weights[:17]) == pytest.approx(0.47 * 133, rel=0.02)
    assert sum(weights[23:]) == pytest.approx(0.44 * 133, rel=0.02)


def test_heads():
    cif, caf = (kind(name='head', dataset='any', skeleton=CHAIN) for kind in (Cif, Caf))
    assert weighted(cif).training_weights == keypoint_weights(CHAIN)
    assert weighted(caf).training_weights == connection_weights(CHAIN.connections, keypoint_weights(CHAIN))
    boxes = CifDet(name='head', dataset='any', categories=('thing',))
    assert weighted(boxes) == boxes

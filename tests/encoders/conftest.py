"""Small annotations, and heads over a field of 8 pixels a cell."""

import numpy as np
import pytest

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons import skeleton_from_tables

SIZE = 161, 121  # pixels: 21 x 16 cells

LINE = skeleton_from_tables(
    [('a', 0.1, (0.0, 0.0)), ('b', 0.2, (1.0, 1.0)), ('c', 0.3, (2.0, 4.0)), ('d', 0.4, (4.0, 3.0))],
    [(1, 2), (2, 3), (3, 4)],
    dense_connections=[(1, 3), (1, 4)],
)


@pytest.fixture
def size():
    return SIZE


@pytest.fixture
def cif():
    return Cif(name='cif', dataset='line', skeleton=LINE).bound(0, 8)


@pytest.fixture
def caf():
    return Caf(name='caf', dataset='line', skeleton=LINE).bound(1, 8)


@pytest.fixture
def dense():
    return Caf(name='caf25', dataset='line', skeleton=LINE, dense=True).bound(2, 8)


@pytest.fixture
def cifdet():
    return CifDet(name='cifdet', dataset='things', categories=('cup', 'dog', 'hat')).bound(0, 8)


@pytest.fixture
def annotate():
    """Ground truth from instances {keypoint index: (x, y, v)}, boxes around them, and which are crowds."""

    def build(*instances, crowd=(), boxes=None):
        keypoints = np.zeros((len(instances), 4, 3))
        for rows, instance in zip(keypoints, instances, strict=True):
            for index, row in instance.items():
                rows[index] = row
        return GroundTruth(
            keypoints,
            np.array(boxes, float) if boxes is not None else np.tile([0.0, 0.0, 10.0, 10.0], (len(instances), 1)),
            np.isin(np.arange(len(instances)), crowd),
            np.ones(len(instances), np.int64),
        )

    return build

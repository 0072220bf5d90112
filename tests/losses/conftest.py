"""Heads with few fields, and random raw fields and targets for them."""

import numpy as np
import pytest
import torch

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.encoders import encode
from pifpaf_core.headmeta import Caf, Cif, CifDet
from pifpaf_core.skeletons import skeleton_from_tables

LINE = skeleton_from_tables(
    [('a', 0.1, (0.0, 0.0)), ('b', 0.2, (1.0, 1.0)), ('c', 0.3, (2.0, 4.0))],
    [(1, 2), (2, 3)],
)


@pytest.fixture
def cif():
    return Cif(name='cif', dataset='line', skeleton=LINE).bound(0, 8)


@pytest.fixture
def caf():
    return Caf(name='caf', dataset='line', skeleton=LINE).bound(1, 8)


@pytest.fixture
def cifdet():
    return CifDet(name='cifdet', dataset='things', categories=('cup', 'dog')).bound(0, 8)


@pytest.fixture
def example():
    """Raw fields [2, F, C, 12, 16] and real targets of two images: one with people, also ignored ones, one without."""

    def build(meta, seed=0):
        generator = np.random.default_rng(seed)
        keypoints = generator.uniform(0, 90, (4, 3, 3))
        keypoints[:3, :, 2], keypoints[3] = 2.0, 0.0
        boxes = np.array([[30, 20, 40, 30], [60, 50, 20, 30], [10, 10, 60, 50], [90, 60, 20, 20]], float)
        people = GroundTruth(keypoints, boxes, np.array([0, 0, 0, 1], bool), np.array([1, 2, 2, 1]))
        targets = [encode(meta, truth, size=(121, 89)) for truth in (people, people.selected(np.zeros(4, bool)))]
        raw = generator.normal(0, 2, (2, meta.n_fields, meta.prediction.n_components, 12, 16))
        return torch.tensor(raw, dtype=torch.float32), torch.tensor(np.stack(targets))

    return build

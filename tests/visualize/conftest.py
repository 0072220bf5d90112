import numpy as np
import pytest

from pifpaf_core.annotation import Pose
from pifpaf_core.skeletons.cocokp import COCO_PERSON


@pytest.fixture
def image():
    """A photograph that no drawing leaves as it is: noise, 97 x 161 pixels."""
    return np.random.default_rng(0).integers(60, 200, (161, 97, 3), np.uint8)


@pytest.fixture
def pose():
    """An upright person whose feet are uncertain, and whose right wrist is a copy of the elbow."""
    xy = np.array(COCO_PERSON.upright) * [8.0, -12.0] + [50.0, 142.0]
    confidence = np.full(17, 0.9)
    confidence[15:] = 0.3
    keypoints = np.concatenate([xy, confidence[:, None]], 1)
    keypoints[10] = [*keypoints[8, :2], 1e-5]
    return Pose(COCO_PERSON, keypoints, np.full(17, 6.0), decoding_order=np.array([[5, 6], [5, 11], [11, 13]]))

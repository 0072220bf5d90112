"""The bounds that keep the worst image short, and that no ordinary image reaches."""

import numpy as np
import pytest
from scenes import coco_decoder, coco_heads

from benchmarks.people import fields, firing, people
from pifpaf_core.decoders import cifhr, growing, posing


def memory_after(decoder, image):
    """What a decoder's memory says after one image, and the number of poses."""
    found, *_ = decoder.arrays(image)
    ((_, _, memory),) = decoder._pool._free
    return memory, len(found)


def votes(field):
    """Pixels that the cells of a Cif field vote for."""
    sizes = field[:, 4][field[:, 1] >= 0.3] * 8
    sides = (2.0 * np.maximum(1.0, 0.5 * sizes)).astype(int) + 1
    return int(np.sum(sides**2))


@pytest.mark.parametrize('noise', [0.0, 1.0])
def test_fifty_people_stay_far_from_the_bounds(noise):
    image = fields(people(50), list(coco_heads(8)), noise=noise)
    memory, found = memory_after(coco_decoder(8, force_complete_pose=True), image)
    assert 50 <= found < posing.MAX_POSES / 10
    assert memory.candidates.lists.state[0] < growing.MAX_WORK / 10
    assert votes(image[0]) < cifhr.MAX_VOTED_PIXELS / 10


def test_a_network_that_fires_everywhere_ends_at_the_bounds():
    image = firing(coco_heads(8))
    memory, found = memory_after(coco_decoder(8, force_complete_pose=True), image)
    longest = 32 + image[1][0, 0].size
    assert found == posing.MAX_POSES
    assert growing.MAX_WORK <= memory.candidates.lists.state[0] <= growing.MAX_WORK + 2 * longest


def test_beyond_the_bound_poses_are_still_whole():
    keypoints, *_ = coco_decoder(8, force_complete_pose=True).arrays(firing(coco_heads(8), seed=1))
    assert np.isfinite(keypoints).all()
    assert (keypoints[..., 2] > 0.0).all()
    means = keypoints[..., 2].mean(axis=1)
    assert (np.diff(means) <= 1e-6).all()


def test_large_votes_end_at_the_bound():
    image = firing(coco_heads(8), seed=2, scale=(10.0, 60.0))
    assert votes(image[0]) > 3 * cifhr.MAX_VOTED_PIXELS
    keypoints, *_ = coco_decoder(8).arrays(image)
    assert np.isfinite(keypoints).all()

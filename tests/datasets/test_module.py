import numpy as np
import pytest
import torch

from pifpaf_core.datasets.module import Batch, DataModule


def batch():
    images = torch.zeros((2, 3, 5, 5), dtype=torch.uint8)
    return Batch(images=images, targets=[torch.ones(2, 1), None], metas=[], dataset='a', problems=('one',))


def test_batch_moves_between_devices():
    moved = batch().to('meta')
    assert moved.images.device.type == 'meta'
    assert moved.targets[0].device.type == 'meta'
    assert moved.targets[1] is None
    assert (moved.dataset, moved.problems) == ('a', ('one',))


@pytest.mark.gpu
def test_batch_in_pinned_memory():
    pinned = batch().pin_memory()
    assert pinned.images.is_pinned()
    assert pinned.targets[0].is_pinned()
    assert np.array_equal(pinned.to('cuda').images.cpu(), batch().images)


def test_a_data_module_must_say_everything():
    with pytest.raises(TypeError, match='abstract'):
        DataModule(None, None)

import numpy as np
import pytest

from pifpaf_core.annotation import GroundTruth
from pifpaf_core.datasets import shared_memory
from pifpaf_core.datasets.loader import BatchLoader
from pifpaf_core.transforms.sample import ImageMeta, Sample


@pytest.fixture
def free(monkeypatch):
    def have(megabytes):
        monkeypatch.setattr(shared_memory, '_free', lambda: None if megabytes is None else int(megabytes * 1e6))

    return have


@pytest.mark.parametrize(
    ('megabytes', 'wanted', 'loaders', 'expected'),
    [
        (None, 8, 2, 8),  # no such place
        (10_000, 8, 2, 8),
        (10_000, 0, 2, 0),
        (64, 8, 2, 0),  # Docker's default
        (2_000, 8, 2, 3),  # 900 MB for each loader: two batches in use, and two for each of three workers
        (2_000, 8, 4, 1),
    ],
)
def test_as_many_workers_as_fit(free, caplog, megabytes, wanted, loaders, expected):
    free(megabytes)
    assert shared_memory.affordable(wanted, batch_bytes=100_000_000, loaders=loaders) == expected
    told = [record.message for record in caplog.records]
    assert len(told) == (expected < wanted)
    assert all('--shm-size' in text and 'batches of 100 MB' in text for text in told)


def test_the_free_space_is_that_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_memory, 'PLACE', tmp_path)
    assert shared_memory._free() > 0
    monkeypatch.setattr(shared_memory, 'PLACE', tmp_path / 'absent')
    assert shared_memory._free() is None


class Zeros:
    """Samples of one kilobyte."""

    name, shuffled = 'zeros', False

    def __len__(self):
        return 8

    def sample(self, epoch, index):
        meta = ImageMeta(index, 'none.jpg', 'zeros', (16, 16), (16, 16), np.eye(3), np.zeros(4))
        return Sample(np.zeros((16, 16, 3), np.uint8), GroundTruth.empty(17), meta)

    def prefetch(self, indices):
        pass

    def targets(self, sample):
        return [np.zeros((1, 1, 8, 8), np.float32), None]


@pytest.mark.parametrize(('megabytes', 'expected'), [(1.0, 2), (0.01, 0)])
def test_a_loader_starts_no_more_workers_than_fit(free, megabytes, expected):
    free(megabytes)
    loader = BatchLoader([Zeros()], batch_size=4, workers=2)
    try:
        assert loader._loader.num_workers == expected
        assert [len(batch.images) for batch in loader.epoch(0)] == [4, 4]
    finally:
        loader.close()

import threading
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from pifpaf_core.overlap import ahead, batched_by_size


@pytest.mark.parametrize('threads', [0, 1, 4])
def test_the_order_is_kept(threads):
    assert list(ahead(lambda x: x * x, range(50), threads=threads, depth=7)) == [x * x for x in range(50)]


def test_the_next_ones_are_worked_on():
    """The second item is finished while the first one's result has not been asked for."""
    second = threading.Event()
    results = ahead(lambda x: second.set() if x == 1 else second.wait(20), [0, 1], threads=2, depth=1)
    assert next(results) is True


def test_not_more_than_the_depth_is_asked_for():
    asked = []
    results = ahead(lambda x: x, (asked.append(x) or x for x in range(100)), threads=2, depth=3)
    next(results)
    assert len(asked) == 4


@pytest.mark.parametrize('threads', [0, 2])
def test_errors_come_in_their_place(threads):
    def inverse(x):
        return 1 / x

    results = ahead(inverse, [1, 2, 0, 4], threads=threads, depth=2)
    assert [next(results), next(results)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_the_threads_end_with_the_iterator():
    before = threading.active_count()
    results = ahead(lambda x: x, range(1000), threads=3, depth=3)
    next(results)
    results.close()
    assert threading.active_count() == before


def samples(sizes):
    return [(i, SimpleNamespace(image=np.zeros((*size, 3), np.uint8))) for i, size in enumerate(sizes)]


A, B, C = (33, 49), (49, 33), (65, 65)


def test_batches_hold_equal_sizes():
    batches = list(batched_by_size(samples([A, B, A, A, B, C, A, B, B]), 2))
    assert [[index for index, _ in batch] for batch in batches] == [[0, 2], [1, 4], [3, 6], [7, 8], [5]]
    assert all(len({sample.image.shape for _, sample in batch}) == 1 for batch in batches)


def test_every_sample_comes_once():
    rng = np.random.default_rng(0)
    sizes = [(A, B, C)[i] for i in rng.integers(0, 3, 200)]
    seen = Counter(index for batch in batched_by_size(samples(sizes), 8) for index, _ in batch)
    assert seen == Counter(range(200))


def test_waiting_is_bounded():
    """A rare size goes alone rather than wait for ever, and the others wait for no more than the window."""
    batches = list(batched_by_size(samples([C] + [(17 + 16 * (i % 40), 33) for i in range(400)]), 4, window=2))
    first = next(i for i, batch in enumerate(batches) if batch[0][0] == 0)
    assert first == 0
    positions = [index for batch in batches for index, _ in batch]
    assert max(abs(index - place) for place, index in enumerate(positions)) <= 8


@pytest.mark.parametrize('rare', [0, 3, 100])
def test_a_rare_size_holds_nothing_up(rare):
    """All others complete batches, so that little waits; the rare one leaves before the window has passed it by."""
    sizes = [A] * 400
    sizes[rare] = B
    latest = 0
    for batch in batched_by_size(samples(sizes), 4, window=2):
        latest = max(latest, *(index for index, _ in batch))
        if batch[0][0] == rare:
            break
    assert latest - rare <= 8


def test_batch_size_one():
    assert [batch[0][0] for batch in batched_by_size(samples([A, B, A]), 1)] == [0, 1, 2]

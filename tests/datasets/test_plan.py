from collections import Counter
from dataclasses import dataclass

import pytest

from pifpaf_core.datasets.plan import Share, epoch_requests, n_batches, turns


@dataclass
class Source:
    """So many samples, none of which is looked at."""

    n: int
    name: str = 'a'
    shuffled: bool = True

    def __len__(self):
        return self.n


def requests(sources, weights=None, *, epoch=0, seed=0, batch_size=2, share=None):
    return epoch_requests(sources, weights or [1.0] * len(sources), seed=seed, epoch=epoch, batch_size=batch_size,
                          share=share or Share())  # fmt: skip


def indices(found, source=0):
    return [i for request in found if request.source == source for i in request.indices]


def test_an_epoch_holds_each_sample_once():
    found = requests([Source(10)])
    assert sorted(indices(found)) == list(range(10))
    assert [len(request.indices) for request in found] == [2] * 5


def test_a_rest_that_fills_no_batch_is_left_out():
    assert len(set(indices(requests([Source(11)], batch_size=4)))) == 8


@pytest.mark.parametrize(('change', 'same'), [({}, True), ({'epoch': 1}, False), ({'seed': 1}, False)])
def test_a_function_of_seed_and_epoch(change, same):
    assert (indices(requests([Source(50)])) == indices(requests([Source(50)], **change))) is same


def test_without_shuffle_the_order_is_fixed():
    for epoch in range(3):
        assert indices(requests([Source(6, shuffled=False)], epoch=epoch)) == list(range(6))


def test_the_epoch_reaches_the_samples():
    assert {request.epoch for request in requests([Source(6)], epoch=7)} == {7}


@pytest.mark.parametrize('world_size', [2, 3])
def test_ranks_share_without_repetition(world_size):
    """And a global batch holds the same samples as one of a single process with as large a batch."""
    source = Source(40)
    parts = [requests([source], share=Share(rank, world_size)) for rank in range(world_size)]
    together = [sum((part[i].indices for part in parts), ()) for i in range(len(parts[0]))]
    assert together == [request.indices for request in requests([source], batch_size=2 * world_size)]


def test_too_few_samples():
    with pytest.raises(ValueError, match=r'a has 3 images .* needs 4\. Lower --batch-size'):
        n_batches(Source(3), 2, Share(0, 2))


@pytest.mark.parametrize(
    ('lengths', 'weights', 'counts'),
    [
        ((4, 4), (1.0, 1.0), {0: 4, 1: 4}),
        ((10, 100), (1.0, 0.5), {0: 10, 1: 5}),
        ((100, 10), (1.0, 0.5), {0: 20, 1: 10}),
        ((30, 30, 30), (1.0, 0.5, 0.25), {0: 30, 1: 15, 2: 8}),
        ((7,), (1.0,), {0: 7}),
    ],
)
def test_shares_follow_the_weights(lengths, weights, counts):
    found = Counter(turns(lengths, weights))
    assert all(abs(found[i] - n) <= 1 for i, n in counts.items())


def test_data_sets_take_turns():
    assert turns((6, 6), (1.0, 0.5))[:6] == [0, 1, 0, 0, 1, 0]


def test_all_of_the_larger_set_is_seen_over_the_epochs():
    small, large = Source(8, 'small'), Source(30, 'large')
    seen = []
    for epoch in range(4):
        found = requests([small, large], epoch=epoch)
        assert sorted(indices(found, 0)) == list(range(8))
        seen += indices(found, 1)
    assert Counter(seen[:30]) == Counter(range(30))


def test_in_fixed_order_the_larger_set_goes_on_where_it_ended():
    sources = [Source(4, 'small', False), Source(10, 'large', False)]
    found = [indices(requests(sources, epoch=epoch), 1) for epoch in range(3)]
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]

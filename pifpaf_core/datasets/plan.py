"""Which samples make which batch: a function of (seed, epoch), the rank and the data sets. CONTRACTS section 5."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..transforms.randomness import epoch_order
from .module import Source


@dataclass(frozen=True)
class Request:
    """One batch asked of a worker.

    Attributes:
        source: which of the loader's sources.
        epoch: of the samples' augmentation.
        indices: B samples of the source.
    """

    source: int
    epoch: int
    indices: tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """Which part of each batch is this process's: rank ``rank`` of ``world_size``. Together they repeat nothing."""

    rank: int = 0
    world_size: int = 1


def n_batches(source: Source, batch_size: int, share: Share) -> int:
    """Batches of one pass over a source; samples that do not fill a batch in each process are left out.

    Raises:
        ValueError: not a single batch.
    """
    n = len(source) // (batch_size * share.world_size)
    if n == 0:
        needed = batch_size * share.world_size
        raise ValueError(
            f'{source.name} has {len(source)} images that can be used and a batch over all processes needs {needed}. '
            'Lower --batch-size or add images'
        )
    return n


def turns(lengths: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Which source gives each batch of an epoch.

    Each source has a counter that grows by 1 / weight with each of its batches; the lowest counter is next, the first
    source on equal counters. The epoch ends when the source that is next has given all of its ``lengths`` batches.
    """
    counters = [0.0] * len(lengths)
    given = [0] * len(lengths)
    order: list[int] = []
    while True:
        chosen = min(range(len(lengths)), key=counters.__getitem__)
        if given[chosen] == lengths[chosen]:
            return order
        given[chosen] += 1
        counters[chosen] += 1.0 / weights[chosen]
        order.append(chosen)


def epoch_requests(
    sources: Sequence[Source], weights: Sequence[float], *, seed: int, epoch: int, batch_size: int, share: Share
) -> list[Request]:
    """All batches of an epoch for one process.

    A source larger than its share of an epoch goes on in the next epoch where it ended, so that all of it is seen.
    """
    lengths = [n_batches(source, batch_size, share) for source in sources]
    order = turns(lengths, weights)
    given = [epoch * order.count(i) for i in range(len(sources))]
    requests = []
    orders: dict[tuple[int, int], tuple[int, ...]] = {}
    for i in order:
        lap, batch = divmod(given[i], lengths[i])
        if (i, lap) not in orders:
            source = sources[i]
            permutation = epoch_order(len(source), seed=seed, epoch=lap, dataset=source.name, shuffle=source.shuffled)
            orders[i, lap] = tuple(permutation.tolist())
        first = (batch * share.world_size + share.rank) * batch_size
        requests.append(Request(i, epoch, orders[i, lap][first : first + batch_size]))
        given[i] += 1
    return requests

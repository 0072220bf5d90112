"""Signs that a training goes wrong: a loss far above those before it."""

import logging
import statistics
from collections import deque
from collections.abc import Mapping
from typing import Any

LOG = logging.getLogger(__name__)

WINDOW = 100  # batches of a data set that are remembered
LEAST = 20  # of them before anything is judged
SPREADS = 10.0  # above the median
LEAST_SPREAD = 0.05  # of the median, for losses that hardly fluctuate


class LossWatch:
    """Warns when a batch's loss is far above the last ones of its data set, at most once in `WINDOW` batches.

    Far is ten times the distance between the quartiles above the median: a crowd in a small batch is not far, and a
    training that diverges is.
    """

    def __init__(self) -> None:
        self._losses: dict[str, deque[float]] = {}
        self._quiet: dict[str, int] = {}

    def __call__(self, loss: float, *, dataset: str, place: str) -> bool:
        """Take the loss of a batch; whether it was worth a warning.

        Args:
            loss: of the batch, finite.
            dataset: that it is from: levels of different data sets say nothing about each other.
            place: where the training is, for the message.
        """
        before = self._losses.setdefault(dataset, deque(maxlen=WINDOW))
        self._quiet[dataset] = max(0, self._quiet.get(dataset, 0) - 1)
        is_spike = len(before) >= LEAST and not self._quiet[dataset] and loss > _limit(before)
        if is_spike:
            self._quiet[dataset] = WINDOW
            LOG.warning(
                'the loss jumps: %.5g at %s (%s), where the median of the last %d batches is %.5g. If it does not come '
                'back, lower --lr or set --clip-grad-value', loss, place, dataset, len(before),
                statistics.median(before),
            )  # fmt: skip
        before.append(loss)
        return is_spike

    def state_dict(self) -> dict[str, Any]:
        """What is remembered, for `load_state_dict`."""
        return {'losses': {name: list(losses) for name, losses in self._losses.items()}, 'quiet': dict(self._quiet)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Remember what another one did."""
        self._losses = {name: deque(losses, maxlen=WINDOW) for name, losses in state['losses'].items()}
        self._quiet = dict(state['quiet'])


def _limit(losses: deque[float]) -> float:
    low, median, high = statistics.quantiles(losses, n=4)
    return median + SPREADS * max(high - low, LEAST_SPREAD * abs(median))

"""Which checkpoints to evaluate, when, and when to stop: beside a training and other evaluators, by the store alone."""

import fnmatch
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from components.runtime.claims import ClaimLostError, Claims
from components.runtime.run_folder import SUCCEEDED, RunFolder

LOG = logging.getLogger(__name__)


class TrainingLostError(OSError):
    """Training gave no sign of life for too long, or ended without success."""


@dataclass(frozen=True)
class Watching:
    """How to watch.

    Attributes:
        epochs: pattern over the epoch's three digits, e.g. ``*[05]``.
        skip_epoch0: leave out the network as it was before training.
        poll: seconds between looks.
        lost_after: seconds without a heartbeat after which training is lost.
        claim_expires: seconds after which the claim of an evaluator that does not renew it is free.
    """

    epochs: str = '*[05]'
    skip_epoch0: bool = True
    poll: float = 10.0
    lost_after: float = 3600.0
    claim_expires: float = 300.0

    def takes(self, epoch: int) -> bool:
        """Whether the epoch is to be evaluated."""
        return fnmatch.fnmatchcase(f'{epoch:03d}', self.epochs) and not (self.skip_epoch0 and epoch == 0)


Evaluate = Callable[[int, Callable[[], None]], None]


def watch(run: RunFolder, watching: Watching, evaluate: Evaluate, *, after_look: Callable[[], None]) -> None:
    """Evaluate each matching checkpoint once it is committed; return when training has ended and all are evaluated.

    Args:
        run: the run.
        watching: how.
        evaluate: evaluates an epoch and records the result in the run's folder; calls its second argument every now
            and then, which keeps the claim.
        after_look: called after each evaluation, and in each round without one.

    Raises:
        TrainingLostError: training gave no sign of life for too long, or ended without success.
    """
    claims, pulse = run.claims(expires=watching.claim_expires), _Pulse(run)
    while True:
        outcome = run.outcome()  # before listing, so that no checkpoint is missed
        missing = missing_epochs(run, watching)
        has_evaluated = any(_evaluated(claims, epoch, evaluate) for epoch in missing)
        after_look()
        if outcome is not None and not missing:
            return _check(run, outcome)
        if outcome is None and pulse.silence() > watching.lost_after:
            raise TrainingLostError(
                f'{run.uri}: no sign of life from training for {watching.lost_after:g} s. '
                'Look at the train stage, and run both again: what was committed is kept'
            )
        if not has_evaluated:
            time.sleep(watching.poll)


def missing_epochs(run: RunFolder, watching: Watching) -> list[int]:
    """Epochs that are committed and to be evaluated, and are not."""
    evaluated = set(run.evaluated_epochs())
    return [epoch for epoch in run.epochs() if watching.takes(epoch) and epoch not in evaluated]


def _evaluated(claims: Claims, epoch: int, evaluate: Evaluate) -> bool:
    """Evaluate an epoch unless another evaluator is at it; whether this one did."""
    claim = claims.take(epoch)
    if claim is None:
        return False
    try:
        evaluate(epoch, lambda: claims.renew(epoch, claim))
    except ClaimLostError as error:
        LOG.warning('%s', error)
        return False
    except BaseException:
        claims.release(claim)
        raise
    return True


def _check(run: RunFolder, outcome: dict[str, object]) -> None:
    if outcome.get('outcome') != SUCCEEDED:
        raise TrainingLostError(
            f'{run.uri}: training {outcome.get("outcome")}: {outcome.get("message", "no reason given")}. '
            'Its checkpoints are evaluated; look at the train stage for the cause'
        )


class _Pulse:
    """How long a heart has been silent, by our own clock: no two machines need agree on the time."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._last = run.heartbeat()
        self._heard = time.monotonic()

    def silence(self) -> float:
        """Seconds since the heartbeat changed; 0 before the first one, for a pod may wait for its GPU for ever."""
        beat = self._run.heartbeat()
        if beat is None or beat != self._last:
            self._last, self._heard = beat, time.monotonic()
        return time.monotonic() - self._heard

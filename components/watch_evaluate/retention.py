"""Which checkpoints of a run may be removed from the store: what nobody needs any more, and nothing else."""

from components.runtime.claims import Claims
from components.runtime.run_folder import RunFolder

from .evaluation import best_epoch
from .watch import Watching


def removable(run: RunFolder, watching: Watching, claims: Claims, *, keep: int) -> list[int]:
    """Epochs whose checkpoint may go.

    The last ``keep`` ones stay, and the best one, and whatever is to be evaluated or is being evaluated. An evaluator
    that has not seen all results yet removes too little, never too much: what is not the best of some is not the best
    of all.

    Args:
        run: the run.
        watching: which epochs are evaluated.
        claims: of evaluators.
        keep: at least 1.
    """
    evaluations = run.evaluations()
    kept = set(run.epochs()[-keep:]) | ({best_epoch(evaluations)} if evaluations else set())
    return [
        epoch
        for epoch in run.epochs()
        if epoch not in kept and (epoch in evaluations or not (watching.takes(epoch) or claims.is_taken(epoch)))
    ]

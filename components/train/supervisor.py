"""One training in one pod: bring the state, run the trainer, commit what it commits, beat, track, and say how it ended.

Without torch: all it does is start processes and move files, so that it survives whatever the trainer does.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.runtime import tracking
from components.runtime.run_folder import SUCCEEDED, RunFolder
from components.runtime.tracked_run import TrackedRun
from pifpaf_core.command import CANCELED, DONE, FAILED, PREEMPTED

from .heartbeat import Heartbeat
from .summary import Summary, summarize
from .tracking_thread import TrackingThread
from .trainer import Trainer
from .uploads import Superseded, Uploads

LOG = logging.getLogger(__name__)

_LAST_UPLOADS = 6


@dataclass(frozen=True)
class Training:
    """What to supervise.

    Attributes:
        run: the run's folder, its record written.
        attempt: number of this start.
        argv: the trainer's command line.
        output: name of the training with folder; the trainer writes ``<output>.log`` and so on.
        poll: seconds between looks at the output.
        heartbeat: seconds between signs of life.
        drain: seconds to wait for MLflow after the training.
    """

    run: RunFolder
    attempt: int
    argv: Sequence[str]
    output: Path
    poll: float = 2.0
    heartbeat: float = 15.0
    drain: float = 60.0

    @property
    def log(self) -> Path:
        """The trainer's log."""
        return self.output.with_name(f'{self.output.name}.log')


def supervise(training: Training) -> tuple[int, Summary]:
    """Run the trainer to its end; returns our exit code and what came out.

    ``outcome.json`` is written on success only: after a failure or a preemption another attempt may follow. When a
    later attempt has begun meanwhile, nothing more is written.

    Raises:
        OSError: the store could not be used at the start, or still not after the training.
    """
    uploads = Uploads(training.run, training.output, training.attempt)
    if uploads.restore():
        LOG.info('attempt %d continues from the state in %s', training.attempt, training.run.uri)
    tracked = TrackedRun(training.run, training.log) if tracking.is_wanted() else None
    thread = TrackingThread(tracked) if tracked else None
    if thread:
        thread.start()
    with Heartbeat(training.run, interval=training.heartbeat, attempt=training.attempt):
        code = _run_trainer(training, uploads)
        summary = summarize(training.log)
        if thread and not thread.finish(training.drain if code == DONE else min(training.drain, 10.0)):
            LOG.warning('MLflow did not get all of the log; components.finish sends the rest')
        if training.run.is_superseded(training.attempt):
            return FAILED, summary
        _keep_log(training)
        if code == DONE:
            training.run.end(SUCCEEDED, attempt=training.attempt, **summary.facts())
    if tracked:
        _tell_end(tracked, code, summary)
    return code, summary


def accompany(training: Training) -> int:
    """Run the trainer of a node that is not the first, which speaks for all of them; returns our exit code.

    It starts from the same committed state, and leaves store, heart and MLflow to the first node.

    Raises:
        OSError: the store could not be used.
    """
    Uploads(training.run, training.output, training.attempt).restore()
    with Trainer(training.argv) as trainer:
        while trainer.is_running(training.poll):
            pass
    if trainer.code not in (DONE, PREEMPTED, CANCELED):
        LOG.error('training failed on this node: %s. What the first node committed is kept', trainer.fate)
    return trainer.code


def _run_trainer(training: Training, uploads: Uploads) -> int:
    """Follow the trainer to its end and commit what it left; returns our exit code."""
    try:
        with Trainer(training.argv) as trainer:
            while trainer.is_running(training.poll):
                _upload(training.run, uploads)
            _upload_the_rest(training.run, uploads)  # in here, so that a late signal does not end it half-way
    except Superseded:
        LOG.error('a later attempt of %s has taken over. This one stops and writes nothing more', training.run.uri)
        return FAILED
    if trainer.code not in (DONE, PREEMPTED, CANCELED):
        LOG.error('training failed: %s. What was committed is kept in %s', trainer.fate, training.run.uri)
    return trainer.code


def _upload(run: RunFolder, uploads: Uploads) -> None:
    try:
        for epoch in uploads.step():
            LOG.info('committed %s', run.checkpoint_uri(epoch))
    except OSError as error:
        LOG.warning('not committed yet, trying again: %s', error)


def _upload_the_rest(run: RunFolder, uploads: Uploads) -> None:
    """Commit the last files, with some patience: without them the training's end would be lost.

    Raises:
        OSError: the store stayed away.
    """
    for patience in range(_LAST_UPLOADS):
        try:
            for epoch in uploads.step(last=True):
                LOG.info('committed %s', run.checkpoint_uri(epoch))
            return
        except OSError as error:
            if patience == _LAST_UPLOADS - 1:
                raise
            LOG.warning('not committed yet, trying again: %s', error)
            time.sleep(2.0**patience)


def _keep_log(training: Training) -> None:
    """Put the log and how far MLflow has it into the store, for the report and for `components.finish`."""
    offset = training.log.with_name(f'{training.log.name}.offset')
    for path, key in ((training.log, 'report/train.log'), (offset, 'report/train.log.offset')):
        if path.exists():
            training.run.store.write(key, path.read_bytes())


def _tell_end(tracked: TrackedRun, code: int, summary: Summary) -> None:
    """Write the final scalars and the status; a preempted training is still running as far as people care."""
    with tracking.best_effort('the end of the training'):
        tracker = tracked.tracker()
        tracker.points(summary.points())
        if code != PREEMPTED:
            tracker.status({DONE: 'FINISHED', CANCELED: 'KILLED'}.get(code, 'FAILED'))

"""``python -m components.finish``: the program of the pipeline's exit handler."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.runtime import tracking
from components.runtime.executor_io import ExecutorIO
from components.runtime.run_folder import CANCELED, FAILED, SUCCEEDED, RunFolder
from components.runtime.stage import StageOptions, stage
from components.runtime.tracked_run import TrackedRun
from components.train.summary import summarize
from components.watch_evaluate.evaluation import points
from pifpaf_core import command
from pifpaf_core.options import option

LOG = logging.getLogger(__name__)

_MLFLOW_STATUS = {SUCCEEDED: 'FINISHED', FAILED: 'FAILED', CANCELED: 'KILLED'}


@dataclass(frozen=True)
class FinishOptions(StageOptions):
    """Record how a run ended where nobody else did, and send what MLflow has not got.

    Attributes:
        status: KFP's final status of the tasks, JSON.
    """

    status: str = option('', "KFP's final status of the pipeline's tasks", metavar='JSON')

    def __post_init__(self) -> None:
        super().__post_init__()
        _parsed(self.status)


def run(options: FinishOptions, executor: ExecutorIO) -> None:
    """Write the outcome if there is none, and bring MLflow up to date."""
    run = options.run
    if not options.status and not run.record():  # with a status, the run may have ended before training began
        raise ValueError(f'{run.uri} holds no run. Check --run-root and --run-id')
    status = _parsed(options.status)
    if status.get('state') != 'SUCCEEDED':
        kind = CANCELED if status.get('state') in ('CANCELED', 'CANCELLED') else FAILED
        if run.end(kind, message=_reason(status), task=status.get('pipelineTaskName', '')):
            LOG.info('recorded: %s %s', run.uri, kind)
    outcome = run.outcome()
    if tracking.is_wanted() and run.record().get('tags') and outcome:
        with tracking.best_effort('the end of the run'):
            _complete(run, outcome['outcome'], options.scratch('finish'))


def _complete(run: RunFolder, outcome: str, scratch: Path) -> None:
    """Send the part of the training's log that MLflow has not got, and set the status if nobody has."""
    log = scratch / 'train.log'
    for name in ('train.log', 'train.log.offset'):
        (scratch / name).unlink(missing_ok=True)
        content = run.store.read(f'report/{name}')
        if content is not None:
            (scratch / name).write_bytes(content)
    tracked = TrackedRun(run, log, revive=False)
    tracker = tracked.tracker()
    if not tracked.spool.is_empty:
        LOG.info('sending the rest of the training log to MLflow')
        tracked.spool.forward()
        tracker.points(summarize(log).points())
        run.store.write('report/train.log.offset', tracked.spool.offset_file.read_bytes())
    tracker.points(points(run.evaluations()))  # again at no cost; some may have met a server that was away
    if tracker.is_running:
        tracker.status(_MLFLOW_STATUS[outcome])


def _reason(status: Mapping[str, Any]) -> str:
    """Why the pipeline ended, in whatever form the status has it."""
    error = status.get('error')
    return str((error.get('message') if isinstance(error, dict) else error) or 'no reason given')


def _parsed(status: str) -> Mapping[str, Any]:
    """The status as a mapping.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        found = json.loads(status or '{}')
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(
            f'--status \'{status}\' is no JSON object. KFP fills it in; by hand give \'{{"state": "FAILED"}}\''
        )
    return found


COMMAND = stage('finish', FinishOptions, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; returns its exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

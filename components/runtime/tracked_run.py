"""A training's MLflow run and the log that feeds it: what the supervisor does live, and `finish` can do later."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .run_folder import RunFolder
from .spool import Spool
from .tracking import Tracker
from .training_log import Point


class TrackedRun:
    """The MLflow run of one training and the log that feeds it.

    Args:
        run: the run's folder; its record holds the id of the MLflow run once there is one.
        log: the trainer's log.
        revive: set the status of a run that is there already back to RUNNING, as a new attempt of the training does.
    """

    def __init__(self, run: RunFolder, log: Path, *, revive: bool = True) -> None:
        self._run, self._revive = run, revive
        self._tracker: Tracker | None = None
        self.spool = Spool(log, self._send)

    def tracker(self) -> Tracker:
        """The MLflow run: that of the record, else a new one, which the record then names.

        Raises:
            TrackingError: the server cannot be reached now.
        """
        if self._tracker is None:
            record = self._run.record()
            known = record.get('mlflow', {}).get('run_id')
            self._tracker = Tracker(known) if known and not self._revive else self._started(record, known)
        return self._tracker

    def forward(self) -> None:
        """Send what the trainer wrote since the last call. Raises TrackingError, and then nothing is lost."""
        self.tracker()
        self.spool.forward()

    def _started(self, record: Mapping[str, Any], known: str | None) -> Tracker:
        tracker = Tracker.start(
            experiment=record['experiment'], name=self._run.run_id, tags=record['tags'], run_id=known
        )
        if known is None:
            self._run.update_record(mlflow={'run_id': tracker.run_id, 'experiment_id': tracker.experiment_id})
            data = record['dataset']
            tracker.dataset(data['name'], data['digest'], data['uri'])
        return tracker

    def _send(self, points: Sequence[Point], process: Mapping[str, Any] | None) -> None:
        if process:
            self.tracker().params(process.get('args', {}))
        self.tracker().points(points)

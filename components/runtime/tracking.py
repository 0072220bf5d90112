"""MLflow: one run a training, written by id.

Only the supervisor of training creates a run and sets its status. All others add to that run and never touch its
status. Nothing here raises anything but `TrackingError`: a server that is slow or gone must not stop anybody.
"""

import contextlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .training_log import Point

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)

_METRICS_AT_ONCE, _PARAMS_AT_ONCE = 900, 90
_MAX_PARAM, _MAX_TAG = 6000, 5000
_LOGIN = re.compile(r'//[^/@\s]+@')


class TrackingError(Exception):
    """MLflow did not take something. What was to be sent is still where it came from."""


def is_wanted() -> bool:
    """Whether a tracking server or database is named in the environment."""
    return bool(os.environ.get('MLFLOW_TRACKING_URI'))


class Tracker:
    """One MLflow run."""

    def __init__(self, run_id: str, *, is_adopted: bool = False) -> None:
        self.run_id = run_id
        with _translated('connecting'):
            self._client = _client()
        self._prefix = 'args/' if is_adopted else ''

    @classmethod
    def start(cls, *, experiment: str, name: str, tags: Mapping[str, str], run_id: str | None = None) -> 'Tracker':
        """Continue the run ``run_id``, adopt the run that ``MLFLOW_RUN_ID`` names, or create one.

        An adopted run was made by KFP, which writes its own parameters there under plain names: ours then stand under
        ``args/``, for MLflow refuses a parameter that changes.
        """
        adopted = os.environ.get('MLFLOW_RUN_ID')
        with _translated('creating a run'):
            client = _client()
            found = run_id or adopted
            if found is None:
                experiment_id = _experiment(client, experiment)
                found = client.create_run(experiment_id, run_name=name, tags=dict(tags)).info.run_id
        tracker = cls(found, is_adopted=found == adopted)
        tracker.tags(tags)
        tracker.status('RUNNING')
        return tracker

    @property
    def experiment_id(self) -> str:
        """Of the experiment that the run belongs to."""
        with _translated('reading a run'):
            return str(self._client.get_run(self.run_id).info.experiment_id)

    @property
    def is_running(self) -> bool:
        """Whether nobody has said yet how the run ended."""
        with _translated('reading a run'):
            return bool(self._client.get_run(self.run_id).info.status == 'RUNNING')

    def points(self, points: Sequence[Point]) -> None:
        """Continue curves. Sending a point twice leaves one."""
        from mlflow.entities import Metric

        metrics = [Metric(p.name, p.value, int(p.time * 1000), p.step) for p in points]
        with _translated('metrics'):
            for start in range(0, len(metrics), _METRICS_AT_ONCE):
                self._client.log_batch(self.run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])

    def params(self, params: Mapping[str, Any]) -> None:
        """Write arguments, flat; lists as JSON. A parameter keeps the first value that it was given."""
        from mlflow.entities import Param

        texts = {self._prefix + name: _text(value)[:_MAX_PARAM] for name, value in params.items()}
        with _translated('parameters'):
            known = self._client.get_run(self.run_id).data.params
            new = [Param(name, text) for name, text in texts.items() if name not in known]
            for start in range(0, len(new), _PARAMS_AT_ONCE):
                self._client.log_batch(self.run_id, params=new[start : start + _PARAMS_AT_ONCE])

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        with _translated('tags'):
            self._client.log_batch(self.run_id, tags=[RunTag(name, text[:_MAX_TAG]) for name, text in tags.items()])

    def dataset(self, name: str, digest: str, uri: str) -> None:
        """Say which data the training read."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name, digest[:36], 'uri', json.dumps({'uri': uri}))
        with _translated('the data set'):
            self._client.log_inputs(self.run_id, [DatasetInput(data, [InputTag('mlflow.data.context', 'training')])])

    def file(self, path: Path, folder: str) -> None:
        """Upload a file under ``folder``: the same place in every run, so that runs can be compared."""
        with _translated(str(path)):
            self._client.log_artifact(self.run_id, str(path), folder)

    def contents(self, files: Mapping[str, bytes], folder: str) -> None:
        """Upload files that are in memory under ``folder``."""
        with tempfile.TemporaryDirectory() as scratch:
            for name, content in files.items():
                path = Path(scratch, name)
                path.write_bytes(content)
                self.file(path, folder)

    def image(self, path: Path, key: str, *, step: int) -> None:
        """Upload a picture that the UI shows beside those of other runs with the same key."""
        import PIL.Image

        with _translated(str(path)), PIL.Image.open(path) as image:
            self._client.log_image(self.run_id, image, key=key, step=step)

    @contextlib.contextmanager
    def connection(self, what: str) -> Iterator['MlflowClient']:
        """MLflow's client, for what has no method here; its errors become `TrackingError`."""
        with _translated(what):
            yield self._client

    def status(self, status: str) -> None:
        """RUNNING, FINISHED, FAILED or KILLED. For the owner of the run only."""
        with _translated('the status'):
            if status == 'RUNNING':
                self._client.update_run(self.run_id, status)
            else:
                self._client.set_terminated(self.run_id, status)


@contextlib.contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Do something with MLflow; say in one line if it could not be done."""
    try:
        yield
    except TrackingError as error:
        LOG.warning('MLflow did not get %s: %s', what, error)


def _client() -> 'MlflowClient':
    """A client that gives up after seconds: MLflow's own default blocks for minutes when the server is away."""
    os.environ.setdefault('MLFLOW_HTTP_REQUEST_MAX_RETRIES', '2')
    os.environ.setdefault('MLFLOW_HTTP_REQUEST_TIMEOUT', '10')
    os.environ.setdefault('MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR', 'false')
    os.environ.setdefault('MLFLOW_DISABLE_TELEMETRY', 'true')
    from mlflow import MlflowClient

    for chatty in ('mlflow', 'alembic'):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return MlflowClient()


def _experiment(client: 'MlflowClient', name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # a database without a server has no place for artifacts of its own: the embedded default names one
    return str(client.create_experiment(name, artifact_location=os.environ.get('PIFPAF_MLFLOW_ARTIFACTS')))


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict | tuple) else str(value)


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """MLflow raises its own errors, requests', SQLAlchemy's and the operating system's: to us they are one."""
    try:
        yield
    except Exception as error:
        # MLflow names the address with the login that is in it
        text = _LOGIN.sub('//', ' '.join(str(error).split()))[:300]
        raise TrackingError(f'{what}: {text or type(error).__name__}') from error

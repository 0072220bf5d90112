"""MLflow's model registry: one model an experiment, a version a training, and the alias ``best``.

A version is a model that MLflow can serve: `servable` makes it, and it lies with the artifacts of the training's run.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import servable
from .tracking import Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

BEST = 'best'


@dataclass(frozen=True)
class Best:
    """The best checkpoint of a training.

    Attributes:
        uri: where its weights lie in the store.
        weights: a copy of them here.
        epoch: of the checkpoint.
        ap: its AP; None without ground truth.
        dataset: digest of the data set.
        eval_options: of ``pifpaf eval``, as it was evaluated.
    """

    uri: str
    weights: Path
    epoch: int
    ap: float | None
    dataset: str
    eval_options: Mapping[str, Any]

    @property
    def tags(self) -> dict[str, str]:
        """Of the version."""
        ap = '' if self.ap is None else str(self.ap)
        return {'checkpoint': self.uri, 'epoch': str(self.epoch), 'AP': ap, 'dataset.digest': self.dataset}


def register_best(tracker: Tracker, *, model: str, best: Best) -> bool:
    """Make the best checkpoint of a training a version of ``model``; whether the alias ``best`` is now on it.

    The alias goes to the highest AP of all trainings that were evaluated on the same data; of equal ones to the newest.
    Doing it again for the same checkpoint adds nothing.

    Args:
        tracker: the training's run.
        model: name in the registry.
        best: its best checkpoint.

    Raises:
        TrackingError: the server did not take it.
    """
    model = re.sub(r"[/:'\"%]+", '-', model)  # MLflow refuses the first two, and its filters the others
    with tracker.connection('the best checkpoint') as client:
        _make_model(client, model)
        version = _version_of(client, model, best.uri, tracker.run_id) or _new(client, model, best, tracker.run_id)
        holder = _holder(client, model)
        is_best = holder is None or holder.tags.get('dataset.digest') != best.dataset or _ap(holder) <= _ap(version)
        if is_best:
            client.set_registered_model_alias(model, BEST, version.version)
    return is_best


def _make_model(client: 'MlflowClient', name: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description='Best checkpoints of the trainings of this experiment.')


def _version_of(client: 'MlflowClient', model: str, uri: str, run_id: str) -> 'ModelVersion | None':
    found = client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'")
    return next((version for version in found if version.tags.get('checkpoint') == uri), None)


def _new(client: 'MlflowClient', model: str, best: Best, run_id: str) -> 'ModelVersion':
    place = f'model/e{best.epoch:04d}'
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, 'model')
        servable.save(folder, best.weights, eval_options=best.eval_options)
        client.log_artifacts(run_id, str(folder), place)
    source = f'{client.get_run(run_id).info.artifact_uri}/{place}'
    return client.create_model_version(model, source=source, run_id=run_id, tags=best.tags)


def _holder(client: 'MlflowClient', model: str) -> 'ModelVersion | None':
    """The version that has the alias now."""
    number = client.get_registered_model(model).aliases.get(BEST)
    return client.get_model_version(model, number) if number else None


def _ap(version: 'ModelVersion') -> float:
    return float(version.tags.get('AP') or -1.0)

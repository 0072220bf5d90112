"""MLflow's model registry: one model an experiment, a version a training, and the alias ``best``.

A version points at the weights in the store; nothing is uploaded.
"""

import re
from typing import TYPE_CHECKING

from .tracking import Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

BEST = 'best'


def register_best(tracker: Tracker, *, model: str, uri: str, epoch: int, ap: float | None, dataset: str) -> bool:
    """Make the best checkpoint of a training a version of ``model``; whether the alias ``best`` is now on it.

    The alias goes to the highest AP of all trainings that were evaluated on the same data; of equal ones to the newest.
    Doing it again for the same checkpoint adds nothing.

    Args:
        tracker: the training's run.
        model: name in the registry.
        uri: where the weights lie.
        epoch: of the checkpoint.
        ap: its AP; None without ground truth.
        dataset: digest of the data set.

    Raises:
        TrackingError: the server did not take it.
    """
    model = re.sub(r"[/:'\"%]+", '-', model)  # MLflow refuses the first two, and its filters the others
    with tracker.connection('the best checkpoint') as client:
        _make_model(client, model)
        tags = {'epoch': str(epoch), 'AP': '' if ap is None else str(ap), 'dataset.digest': dataset}
        version = _version_of(client, model, uri, tracker.run_id) or client.create_model_version(
            model, source=uri, run_id=tracker.run_id, tags=tags
        )
        holder = _holder(client, model)
        is_best = holder is None or holder.tags.get('dataset.digest') != dataset or _ap(holder) <= _ap(version)
        if is_best:
            client.set_registered_model_alias(model, BEST, version.version)
    return is_best


def _make_model(client: 'MlflowClient', name: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description='Best checkpoints of the trainings of this experiment.')


def _version_of(client: 'MlflowClient', model: str, uri: str, run_id: str) -> 'ModelVersion | None':
    found = client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'")
    return next((version for version in found if version.source == uri), None)


def _holder(client: 'MlflowClient', model: str) -> 'ModelVersion | None':
    """The version that has the alias now."""
    number = client.get_registered_model(model).aliases.get(BEST)
    return client.get_model_version(model, number) if number else None


def _ap(version: 'ModelVersion') -> float:
    return float(version.tags.get('AP') or -1.0)

"""MLflow's model registry for real, on an sqlite file."""

import uuid

import pytest

from components.runtime import servable
from components.runtime.registry import Best, register_best
from components.runtime.tracking import Tracker


@pytest.fixture(autouse=True)
def _light(monkeypatch):
    """A model that is a file; tests/components/runtime/test_servable.py makes real ones."""

    def save(folder, weights, *, eval_options):
        folder.mkdir()
        (folder / 'MLmodel').write_text('flavors: {}')

    monkeypatch.setattr(servable, 'save', save)


@pytest.fixture
def model():
    return f'pose-{uuid.uuid4().hex[:8]}'


@pytest.fixture
def register(mlflow_database, model, tmp_path):
    """``register('a', ap=0.5)``: the best checkpoint of a training; whether it has the alias."""
    trainings = {}

    def call(name, *, ap, dataset='d' * 64):
        if name not in trainings:
            trainings[name] = Tracker.start(experiment='test', name=name, tags={})
        uri = f's3://bucket/runs/{name}/checkpoints/e0010/weights.safetensors'
        best = Best(uri=uri, weights=tmp_path, epoch=10, ap=ap, dataset=dataset, eval_options={})
        return register_best(trainings[name], model=model, best=best)

    return call


def test_the_best_of_an_experiment_has_the_alias(register, model, mlflow_database):
    assert register('a', ap=0.5)
    assert not register('b', ap=0.4)
    assert register('c', ap=0.6)
    best = mlflow_database.get_model_version_by_alias(model, 'best')
    assert best.tags['checkpoint'] == 's3://bucket/runs/c/checkpoints/e0010/weights.safetensors'
    assert best.run_id and best.tags['epoch'] == '10' and best.tags['AP'] == '0.6'
    assert best.source.endswith('/model/e0010')
    assert [file.path for file in mlflow_database.list_artifacts(best.run_id, 'model/e0010')] == ['model/e0010/MLmodel']


def test_again_adds_nothing(register, model, mlflow_database):
    for _ in range(2):
        assert register('a', ap=0.5)
    assert len(mlflow_database.search_model_versions(f"name = '{model}'")) == 1


def test_figures_on_other_data_do_not_compare(register):
    assert register('a', ap=0.9)
    assert register('b', ap=0.4, dataset='e' * 64)


def test_without_ground_truth_the_newest_counts(register):
    assert register('a', ap=None)
    assert register('b', ap=None)

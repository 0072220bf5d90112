"""MLflow's model registry for real, on an sqlite file."""

import uuid

import pytest

from components.runtime.registry import register_best
from components.runtime.tracking import Tracker


@pytest.fixture
def model():
    return f'pose-{uuid.uuid4().hex[:8]}'


@pytest.fixture
def register(mlflow_database, model):
    """``register('a', ap=0.5)``: the best checkpoint of a training; whether it has the alias."""
    trainings = {}

    def call(name, *, ap, dataset='d' * 64):
        if name not in trainings:
            trainings[name] = Tracker.start(experiment='test', name=name, tags={})
        uri = f's3://bucket/runs/{name}/checkpoints/e0010/weights.safetensors'
        return register_best(trainings[name], model=model, uri=uri, epoch=10, ap=ap, dataset=dataset)

    return call


def test_the_best_of_an_experiment_has_the_alias(register, model, mlflow_database):
    assert register('a', ap=0.5)
    assert not register('b', ap=0.4)
    assert register('c', ap=0.6)
    best = mlflow_database.get_model_version_by_alias(model, 'best')
    assert best.source == 's3://bucket/runs/c/checkpoints/e0010/weights.safetensors'
    assert best.run_id and best.tags['epoch'] == '10' and best.tags['AP'] == '0.6'


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

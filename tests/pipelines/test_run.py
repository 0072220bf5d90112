import json

import pytest

from pipelines import run
from pipelines.embedded import LocalRun


@pytest.fixture
def asked(monkeypatch):
    """What the pipeline would have been run with."""
    found = {}

    def record(parameters, folder, *, verbose):
        found.update(parameters=dict(parameters), folder=folder, verbose=verbose)
        return LocalRun('r1', 0)

    monkeypatch.setattr('pipelines.embedded.run', record)
    return found


def test_flags_become_typed_parameters(asked):
    argv = ['--source=photos', '--epochs', '2.0', '--lr=1e-3', '--train-options', '{"adam": true}', '--folder=out']
    assert run.main(argv) == 0
    parameters = asked['parameters']
    assert (parameters['source'], parameters['epochs'], parameters['lr']) == ('photos', 2, 0.001)
    assert parameters['train_options'] == {'adam': True}
    assert parameters['run_root'] == 'out/runs'
    assert parameters['eval_epochs'] == '*[05]'


def test_every_pipeline_parameter_is_a_flag(capsys):
    assert run.main(['--dry-run']) == 0
    resolved = json.loads(capsys.readouterr().out)
    assert {'run-root', 'source', 'prepare-options', 'gpus', 'image', 'experiment'} <= set(resolved)


@pytest.mark.parametrize('text', ['[]', '{', '1'])
def test_options_are_json_objects(text, capsys):
    assert run.main(['--train-options', text]) == 2
    assert "--train-options '" in capsys.readouterr().err


def test_a_failed_stage_is_named_and_its_code_passed_on(monkeypatch, capsys):
    monkeypatch.setattr('pipelines.embedded.run', lambda *_, **__: LocalRun('r1', 75, 'components.train'))
    assert run.main([]) == 75
    assert 'components.train of r1 failed' in capsys.readouterr().err

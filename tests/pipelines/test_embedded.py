"""Running the pipeline on this machine, with a pipeline of one task that is a line of Python."""

import pytest
from kfp import dsl

from components.runtime.run_folder import RunFolder
from pipelines import embedded


@dsl.container_component
def task(code: int):
    program = 'import os, sys; print("seen", os.environ["PIFPAF_WORK_DIR"]); sys.exit(int(sys.argv[1]))'
    run_id = ['--run-id', dsl.PIPELINE_JOB_NAME_PLACEHOLDER]
    return dsl.ContainerSpec(image='none', command=['python3', '-c', program], args=[code, *run_id])


@pytest.fixture
def pipeline(monkeypatch, tmp_path):
    """``pipeline(code=0)``: how the run ended."""

    @dsl.pipeline(name='one-task')
    def one_task(run_root: str, code: int):
        task(code=code).set_accelerator_type('nvidia.com/gpu').set_accelerator_limit(1)

    monkeypatch.setattr(embedded, 'build', lambda *, concurrent_watch: one_task)
    return lambda code, **options: embedded.run({'run_root': 'runs', 'code': code}, tmp_path / 'out', **options)


def test_a_run_that_succeeds_says_only_what_its_stages_say(pipeline, tmp_path, capfd):
    done = pipeline(0)
    assert (done.code, done.stage) == (0, '')
    assert done.run_id.startswith('one-task-')
    shown = capfd.readouterr()
    assert [line for line in shown.out.splitlines() if not line.startswith('==== ') and line] == [
        f'seen {tmp_path}/out/work'
    ]
    assert shown.err == ''


def test_kfp_tells_more_when_asked_to(pipeline, capfd):
    with pytest.warns(UserWarning):  # that this machine has no accelerators to give
        pipeline(0, verbose=True)
    assert 'Executing task' in capfd.readouterr().out


@pytest.mark.parametrize('code', [1, 75])
def test_a_run_that_fails_says_where_and_how(pipeline, code):
    done = pipeline(code)
    assert (done.code, bool(done.stage)) == (code, True)
    assert f'failed with exit code {code}' in done.problem


def test_ctrl_c_is_recorded(monkeypatch, tmp_path, repository):
    """kfp.local leaves the exit handler out when it is interrupted."""

    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(embedded, 'build', lambda *, concurrent_watch: interrupted)
    monkeypatch.setattr(embedded, 'Processes', lambda *arguments: _Begun(*arguments))
    done = embedded.run({'run_root': str(tmp_path / 'runs')}, tmp_path / 'out')
    assert done.code == 3
    assert 'is canceled' in done.problem
    outcome = RunFolder(str(tmp_path / 'runs'), 'begun').outcome()
    assert (outcome['outcome'], outcome['message']) == ('canceled', 'interrupted from the keyboard')


class _Begun(embedded.Processes):
    def __init__(self, *arguments):
        super().__init__(*arguments, run_id='begun')
        self.environment = {name: v for name, v in self.environment.items() if 'MLFLOW' not in name}


def test_everything_lies_below_the_folder_or_in_the_clone(monkeypatch, tmp_path, repository):
    for name in ('MLFLOW_TRACKING_URI', 'MPLCONFIGDIR', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'NUMBA_CACHE_DIR'):
        monkeypatch.delenv(name, raising=False)
    found = embedded.environment(tmp_path)
    assert found['MLFLOW_TRACKING_URI'] == f'sqlite:///{tmp_path}/mlflow.db'
    assert found['PIFPAF_MLFLOW_ARTIFACTS'] == f'{tmp_path}/mlartifacts'
    for name in ('MPLCONFIGDIR', 'XDG_CACHE_HOME', 'NUMBA_CACHE_DIR'):
        assert found[name].startswith(f'{repository}/.cache/')


def test_an_own_mlflow_server_stays(monkeypatch, tmp_path):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://mlflow:5000')
    found = embedded.environment(tmp_path)
    assert 'MLFLOW_TRACKING_URI' not in found
    assert 'PIFPAF_MLFLOW_ARTIFACTS' not in found

"""Container components as processes, with real kfp.local and components that are one line of Python."""

import json
import signal
import subprocess
import sys
import time

import pytest
from kfp import dsl, local
from kfp.local import subprocess_task_handler

from pipelines.local_tasks import installed
from pipelines.process_runner import Processes

SAY = """
import json, os, sys
sys.path[:0] = [os.environ['CLONE']]
from components.runtime.executor_io import ExecutorIO
executor = ExecutorIO(sys.argv[sys.argv.index('--executor-input') + 1])
executor.parameter('said', 'said ' + sys.argv[1])
executor.write('note', sys.argv[1])
executor.metadata('note', length=len(sys.argv[1]))
executor.finish()
open(os.path.join(os.environ['OUT'], sys.argv[1].replace(' ', '-')), 'w').write(' '.join(sys.argv[1:]))
sys.exit(int(os.environ.get('FAIL', '0')) if sys.argv[1] == 'first' else 0)
"""


@dsl.container_component
def say(text: str, note: dsl.Output[dsl.Artifact], said: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image='none',
        command=['python3', '-c', SAY],
        args=[
            *(text, 'python3 stays python3', '--run-id', dsl.PIPELINE_JOB_NAME_PLACEHOLDER),
            *('--executor-input', dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER),
        ],
    )


@dsl.container_component
def at_exit(status: dsl.PipelineTaskFinalStatus):
    program = "import os, sys; open(os.path.join(os.environ['OUT'], 'status'), 'w').write(sys.argv[1])"
    return dsl.ContainerSpec(image='none', command=['python3', '-c', program], args=[status])


@dsl.pipeline(name='two-words')
def two_words():
    with dsl.ExitHandler(at_exit()):
        first = say(text='first').set_container_image('any:thing')
        say(text=first.outputs['said'])


@pytest.fixture
def pipeline(tmp_path, repository):
    """``pipeline(FAIL='7')``: run it with this environment; what was run."""
    (tmp_path / 'kfp').mkdir()
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / 'kfp'), raise_on_error=True)

    def run(**environment):
        started = []
        environment |= {'OUT': str(tmp_path), 'CLONE': str(repository)}
        processes = Processes(environment, started.append)
        try:
            with installed(processes):
                two_words()
        except RuntimeError:
            assert processes.failed
        return processes

    return run


def test_outputs_go_from_task_to_task(pipeline, tmp_path):
    processes = pipeline()
    assert processes.failed is None
    assert processes.run_id.startswith('two-words-')
    assert (tmp_path / 'said-first').read_text().startswith('said first python3 stays python3 --run-id two-words-')
    assert json.loads((tmp_path / 'status').read_text())['state'] == 'SUCCEEDED'


def test_a_failure_stops_the_pipeline_and_runs_the_exit_handler(pipeline, tmp_path):
    processes = pipeline(FAIL='7')
    assert processes.failed[1] == 7
    assert not (tmp_path / 'said-first').exists()
    assert json.loads((tmp_path / 'status').read_text())['state'] == 'FAILED'


def test_kfp_is_left_as_it_was(pipeline):
    before = subprocess_task_handler.SubprocessTaskHandler
    pipeline(FAIL='1')
    assert subprocess_task_handler.SubprocessTaskHandler is before


def test_a_kfp_that_works_in_another_way_is_refused(monkeypatch):
    class Other:
        def __init__(self, image, command):
            pass

    monkeypatch.setattr(subprocess_task_handler, 'SubprocessTaskHandler', Other)
    with (
        pytest.raises(RuntimeError, match=r'kfp .* runs tasks in another way\. Install kfp>=2\.17'),
        installed(Processes({}, print)),
    ):
        pass


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_reaches_the_stage_once_and_is_waited_for(tmp_path, repository, number):
    stage = f"""
import pathlib, signal, time
out = pathlib.Path({str(tmp_path)!r})
got = []
signal.signal(signal.SIGINT, lambda *_: got.append(1))
(out / 'ready').touch()
while not got:
    time.sleep(0.01)
time.sleep(0.3)
(out / 'saved').write_text(str(len(got)))
"""
    program = f"""
import signal
from components.runtime.interrupts import as_interrupt
from pipelines.process_runner import Processes
try:
    with as_interrupt(signal.SIGTERM, signal.SIGINT):
        Processes({{}}, print).run(['python3', '-c', {stage!r}])
except KeyboardInterrupt:
    print('canceled')
"""
    process = subprocess.Popen([sys.executable, '-c', program], cwd=repository, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (tmp_path / 'ready').exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert 'canceled' in out
    assert (tmp_path / 'saved').read_text() == '1'

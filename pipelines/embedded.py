"""The pipeline on this machine: processes, a folder as store, MLflow on sqlite. No Docker, cluster or account."""

import contextlib
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import local

from components.runtime.interrupts import as_interrupt
from pifpaf_core.command import CANCELED, FAILED
from pipelines.local_tasks import Tasks, installed
from pipelines.pose_training.pipeline import build
from pipelines.process_runner import Processes

CLONE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class LocalRun:
    """A pipeline run that has ended.

    Attributes:
        run_id: its name.
        code: 0, or the exit code of the stage that failed.
        stage: the stage that failed, or empty.
    """

    run_id: str
    code: int
    stage: str = ''

    @property
    def problem(self) -> str:
        """What went wrong, in one line."""
        if self.code == CANCELED:
            return f'{self.run_id} is canceled. What was committed is kept'
        return f'{self.stage} of {self.run_id} failed with exit code {self.code}. Its last lines say why'


def environment(folder: Path) -> dict[str, str]:
    """Environment of the stages: everything that they write lies below ``folder`` or in the clone's cache.

    What is set already stays, so that an own MLflow server or S3 endpoint can be used.
    """
    cache = CLONE / '.cache'
    ours = {
        'PYTHONPATH': os.pathsep.join([str(CLONE), *filter(None, [os.environ.get('PYTHONPATH')])]),
        'PIFPAF_WORK_DIR': str(folder / 'work'),
    }
    defaults = {
        'MPLBACKEND': 'Agg',
        'MPLCONFIGDIR': str(cache / 'matplotlib'),
        'XDG_CACHE_HOME': str(cache / 'xdg'),
        'XDG_CONFIG_HOME': str(cache / 'xdg'),
        'NUMBA_CACHE_DIR': str(cache / 'numba'),
    }
    if 'MLFLOW_TRACKING_URI' not in os.environ:
        defaults['MLFLOW_TRACKING_URI'] = f'sqlite:///{folder / "mlflow.db"}'
        defaults['PIFPAF_MLFLOW_ARTIFACTS'] = str(folder / 'mlartifacts')
    return {**ours, **{name: value for name, value in defaults.items() if name not in os.environ}}


def heading(stage: str) -> None:
    """Announce a stage on stdout, past everything that redirects it."""
    stream = sys.__stdout__ or sys.stderr
    stream.write(f'\n==== {stage.removeprefix("components.").replace("_", "-")}\n')
    stream.flush()


def run(
    parameters: Mapping[str, Any], folder: Path, *, on_start: Callable[[str], None] = heading, verbose: bool = False
) -> LocalRun:
    """Run the pipeline with these parameters; Ctrl-C and SIGTERM are recorded as cancellation.

    Args:
        parameters: by name, as on the KFP run form.
        folder: for everything that is written besides the runs: MLflow's database, scratch space, KFP's own files.
        on_start: called with each stage's name before it runs.
        verbose: let kfp tell what it does.
    """
    folder = folder.absolute()
    return execute(parameters, folder, Processes(environment(folder), on_start), verbose=verbose)


def execute(parameters: Mapping[str, Any], folder: Path, tasks: Tasks, *, verbose: bool = False) -> LocalRun:
    """Run the pipeline by ``tasks``; see `run`."""
    (folder / 'kfp').mkdir(parents=True, exist_ok=True)
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / 'kfp'), raise_on_error=True)
    with _quiet(not verbose), installed(tasks), as_interrupt(signal.SIGTERM):
        try:
            build(concurrent_watch=False)(**parameters)
        except KeyboardInterrupt:
            _record_cancellation(tasks, parameters)
            return LocalRun(tasks.run_id, CANCELED)
        except RuntimeError:
            if tasks.failed is None:
                raise
            stage, code = tasks.failed
            return LocalRun(tasks.run_id, code if code > 0 else FAILED, stage)
    return LocalRun(tasks.run_id, 0)


def _record_cancellation(tasks: Tasks, parameters: Mapping[str, Any]) -> None:
    """What the exit handler does on a cluster; kfp.local leaves it out when it is interrupted."""
    if tasks.run_id:
        status = json.dumps({'state': 'CANCELED', 'error': {'message': 'interrupted from the keyboard'}})
        where = ['--run-root', str(parameters['run_root']), '--run-id', tasks.run_id]
        command = ['python3', '-m', 'components.finish', *where, '--status', status]
        tasks.execute(command, image=str(parameters.get('image', '')), environment=tasks.environment)


@contextlib.contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    """kfp.local narrates on the root logger and on stdout, and warns of everything that only a cluster has."""
    if not wanted:
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings(), Path(os.devnull).open('w') as nowhere, contextlib.redirect_stdout(nowhere):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)

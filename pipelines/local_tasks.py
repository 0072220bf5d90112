"""kfp.local with tasks of our own: kfp keeps order, placeholders and outputs, what runs a task is handed in.

kfp 2.17's SubprocessRunner refuses container components, and its DockerRunner takes a failed container for a
successful one when the daemon has removed it before it was asked. Here the handler of the former is replaced while a
pipeline runs, and neither is used. A guard says so when kfp has changed.
"""

import abc
import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import kfp
from kfp.local import status, subprocess_task_handler, task_dispatcher

_HANDLER_ARGUMENTS = ['image', 'full_command', 'pipeline_root', 'runner', 'env_vars']


@dataclass
class Tasks(abc.ABC):
    """Runs tasks, and remembers what was run.

    Attributes:
        environment: of the tasks, besides their own.
        on_start: called with a stage's name before it runs.
        run_id: name that KFP gave the run; empty before the first task.
        failed: (stage, exit code) of the first one that did not succeed.
    """

    environment: Mapping[str, str]
    on_start: Callable[[str], None]
    run_id: str = ''
    failed: tuple[str, int] | None = None

    def run(self, command: Sequence[str], *, image: str = '', environment: Mapping[str, str] | None = None) -> int:
        """Run a task to its end and return its exit code; ``environment`` is what the pipeline sets for it."""
        stage = command[command.index('-m') + 1] if '-m' in command else command[0]
        self.run_id = self.run_id or _value(command, '--run-id')
        self.on_start(stage)
        code = self.execute(command, image=image, environment={**(environment or {}), **self.environment})
        if code != 0 and self.failed is None:
            self.failed = stage, code
        return code

    @abc.abstractmethod
    def execute(self, command: Sequence[str], *, image: str, environment: Mapping[str, str]) -> int:
        """Run a command line; its output goes where ours goes. Ctrl-C is passed on once, waited for and raised."""


@contextlib.contextmanager
def installed(tasks: Tasks) -> Iterator[None]:
    """Within this context kfp.local's SubprocessRunner runs container components by ``tasks``.

    Raises:
        RuntimeError: this version of kfp is not built as expected.
    """
    _guard()
    original = subprocess_task_handler.SubprocessTaskHandler

    class Handler:
        def __init__(
            self, image: str, full_command: list[str], pipeline_root: str, runner: Any, env_vars: Any = None
        ) -> None:
            self._image, self._command, self._environment = image, full_command, env_vars

        def run(self) -> status.Status:
            code = tasks.run(self._command, image=self._image, environment=self._environment)
            return status.Status.SUCCESS if code == 0 else status.Status.FAILURE

    subprocess_task_handler.SubprocessTaskHandler = Handler
    try:
        yield
    finally:
        subprocess_task_handler.SubprocessTaskHandler = original


def _guard() -> None:
    handler = getattr(subprocess_task_handler, 'SubprocessTaskHandler', None)
    arguments = list(inspect.signature(handler).parameters) if handler else []
    is_looked_up_when_run = getattr(task_dispatcher, 'subprocess_task_handler', None) is subprocess_task_handler
    if arguments != _HANDLER_ARGUMENTS or not is_looked_up_when_run or not hasattr(status.Status, 'FAILURE'):
        raise RuntimeError(f'kfp {kfp.__version__} runs tasks in another way. Install kfp>=2.17,<2.18')


def _value(command: Sequence[str], flag: str) -> str:
    return command[command.index(flag) + 1] if flag in command else ''

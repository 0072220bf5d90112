"""kfp.local without Docker: container components run as processes of this machine, one after another.

kfp 2.17's SubprocessRunner takes Python components only. A container component whose command is ``python3 -m ...``
needs nothing but this interpreter, so its handler is replaced while a pipeline runs. A guard says so when kfp has
changed.
"""

import contextlib
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kfp
from kfp.local import status, subprocess_task_handler, task_dispatcher

_HANDLER_ARGUMENTS = ['image', 'full_command', 'pipeline_root', 'runner', 'env_vars']


@dataclass
class Processes:
    """What was run.

    Attributes:
        environment: of the processes, besides ours.
        on_start: called with a stage's name before it runs.
        run_id: name that KFP gave the run; empty before the first task.
        failed: (stage, exit code) of the first one that did not succeed.
    """

    environment: Mapping[str, str]
    on_start: Callable[[str], None]
    run_id: str = ''
    failed: tuple[str, int] | None = None

    def run(self, command: list[str]) -> int:
        """Run a task's command; its output goes where ours goes. Ctrl-C is passed on once, and waited for."""
        argv = [sys.executable, *command[1:]] if command[0] in ('python', 'python3') else command
        stage = argv[argv.index('-m') + 1] if '-m' in argv else argv[0]
        self.run_id = self.run_id or _value(argv, '--run-id')
        self.on_start(stage)
        # a session of its own: Ctrl-C on the terminal must reach the stage once, not from us and from the terminal
        with subprocess.Popen(argv, env={**os.environ, **self.environment}, start_new_session=True) as process:
            try:
                code = process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
        if code != 0 and self.failed is None:
            self.failed = stage, code
        return code


@contextlib.contextmanager
def installed(processes: Processes) -> Iterator[None]:
    """Within this context kfp.local's SubprocessRunner runs container components by ``processes``.

    Raises:
        RuntimeError: this version of kfp is not built as expected.
    """
    _guard()
    original = subprocess_task_handler.SubprocessTaskHandler

    class Handler:
        def __init__(
            self, image: str, full_command: list[str], pipeline_root: str, runner: Any, env_vars: Any = None
        ) -> None:
            self._command = full_command

        def run(self) -> status.Status:
            return status.Status.SUCCESS if processes.run(self._command) == 0 else status.Status.FAILURE

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


def _value(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1] if flag in argv else ''

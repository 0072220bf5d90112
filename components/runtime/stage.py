"""The frame of a stage's program: options from a dataclass, one line and a code for errors, KFP's outputs last."""

import os
import re
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pifpaf_core import command
from pifpaf_core.options import add_options, from_args, option

from .core import CommandFailed
from .executor_io import ExecutorIO
from .interrupts import as_interrupt
from .run_folder import RunFolder

_UUID = re.compile(r'([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')


@dataclass(frozen=True)
class StageOptions:
    """The run and KFP.

    Attributes:
        run_root: where runs live.
        run_id: name of this run.
        executor_input: KFP's description of the task.
        work_dir: scratch space of this run on this machine.
    """

    run_root: str = option('', 'where runs live: s3://bucket/key or a folder')
    run_id: str = option('', 'name of this run below --run-root; what no key can hold becomes -')
    executor_input: str = option('', "KFP's '{{$}}'; leave it out to run the stage by hand", metavar='JSON')
    work_dir: str = option('', 'scratch space (default: $PIFPAF_WORK_DIR, else below the temporary folder)')

    def __post_init__(self) -> None:
        if not self.run_root or not self.run_name:
            raise ValueError('the run is not named. Give --run-root (s3://bucket/key or a folder) and --run-id')
        RunFolder(self.run_root, self.run_name)
        ExecutorIO(self.executor_input)

    @property
    def run_name(self) -> str:
        """``run_id`` as a key: ``my run`` with KFP's id ``3f1c2d4e-...`` behind it becomes ``my-run-3f1c2d4e``."""
        return re.sub(r'[^A-Za-z0-9._-]+', '-', _UUID.sub(r'\1', self.run_id)).strip('-.')

    @property
    def run(self) -> RunFolder:
        """The run's folder in the store."""
        return RunFolder(self.run_root, self.run_name)

    def scratch(self, stage: str) -> Path:
        """The stage's folder on this machine, made; the same for each attempt."""
        folder = self._work_folder / self.run_name / stage
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def cache(self) -> Path:
        """Folder that keeps images of data sets that lie afar, for all runs on this machine."""
        return self._work_folder / 'cache'

    @property
    def _work_folder(self) -> Path:
        top = self.work_dir or os.environ.get('PIFPAF_WORK_DIR') or str(Path(tempfile.gettempdir(), 'pifpaf'))
        return Path(top).absolute()


def check_positive(options: StageOptions, *names: str) -> None:
    """Raise ``ValueError`` unless the options called ``names`` are above 0."""
    for name in names:
        value = getattr(options, name)
        if not value > 0:
            raise ValueError(f'--{name.replace("_", "-")} {value} is too little. Give a number above 0')


S = TypeVar('S', bound=StageOptions)


def stage(name: str, options: type[S], run: Callable[[S, ExecutorIO], int | None]) -> command.Command:
    """A stage's program as a command: ``python -m components.<name>``.

    Args:
        name: of the package, e.g. ``watch_evaluate``.
        options: its options; the docstring becomes the description.
        run: does the work. What it reports to the `ExecutorIO` is written when it succeeds.
    """

    def work(config: Any) -> int:
        executor = ExecutorIO(config.executor_input)
        try:
            with as_interrupt(signal.SIGTERM, signal.SIGINT):
                code = run(config, executor) or command.DONE
        except CommandFailed as failed:
            return failed.code if failed.code in (command.USAGE, command.PREEMPTED) else command.FAILED
        if code == command.DONE:
            executor.finish()
        return code

    return command.Command(
        name=f'components.{name}',
        description=(options.__doc__ or name).splitlines()[0],
        add_arguments=lambda parser: add_options(parser, options),
        configure=lambda args: from_args(options, args),
        run=work,
    )

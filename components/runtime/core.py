"""Running a command of the library as a process: ``python -m pifpaf_core.eval --flag=value --options JSON``."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pifpaf_core.options import argv_from_mapping


class CommandFailed(Exception):  # noqa: N818  (it says what happened, not that we are wrong)
    """A command of the library ended badly and has said why on stderr.

    Attributes:
        code: its exit code.
    """

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f'{name} ended with exit code {code}')
        self.code = code


def arguments(
    name: str, *positional: str, flags: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> list[str]:
    """The command line of a command.

    Args:
        name: of the command, e.g. ``eval``.
        positional: positional arguments. They stand first, for some flags take any number of values.
        flags: what the stage itself says; see `argv_from_mapping`.
        options: what the user adds. A flag that is in both is the command's usage error, which names both places.
    """
    extra = ['--options', json.dumps(options)] if options else []
    return [sys.executable, '-m', f'pifpaf_core.{name}', *positional, *argv_from_mapping(dict(flags)), *extra]


def run(
    argv: Sequence[str], *, tick: Callable[[], None] = lambda: None, every: float = 10.0, silent: bool = False
) -> None:
    """Run a command line to its end. Its messages go where ours go.

    Args:
        argv: from `arguments`.
        silent: drop its results on stdout, where the stage tells them itself.
        tick: called every ``every`` seconds while the command runs.
        every: see ``tick``.

    Raises:
        CommandFailed: its exit code is not 0.
    """
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL if silent else None) as process:
        try:
            while process.poll() is None:
                try:
                    process.wait(every)
                except subprocess.TimeoutExpired:
                    tick()
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise CommandFailed(_name(argv), process.returncode)


def options(text: str, flag: str) -> dict[str, Any]:
    """The JSON object that a stage passes on to a command.

    Raises:
        ValueError: it is none, or no set of options.
    """
    try:
        found = json.loads(text or '{}')
        if not isinstance(found, dict):
            raise ValueError('it is no JSON object')
        argv_from_mapping(found)
    except ValueError as error:
        message = f"--{flag} '{text}' cannot be used: {error}. Give an object such as '{{\"b-scale\": 10}}'"
        raise ValueError(message) from None
    return found


def _name(argv: Sequence[str]) -> str:
    return ' '.join(argv[1:3]) if len(argv) > 2 else argv[0]

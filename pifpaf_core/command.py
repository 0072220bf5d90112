"""The frame of every command: parsing, ``--dry-run``, ``--options``, logging, and errors as one line with a code."""

import argparse
import errno
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from . import version
from .not_taken_over import explanation
from .options import argv_from_mapping

DONE, FAILED, USAGE, CANCELED, PREEMPTED = 0, 1, 2, 3, 75

LOG = logging.getLogger(__name__)


class UsageError(ValueError):
    """The command line asks for something impossible: exit code 2."""


class Preempted(Exception):  # noqa: N818  (not an error: the state is saved)
    """The work was interrupted and its state is saved, so that the same command continues: exit code 75."""


@dataclass(frozen=True)
class Command:
    """One command of ``pifpaf``.

    Attributes:
        name: as typed after ``pifpaf``.
        description: for ``--help``.
        add_arguments: adds options to the parser.
        configure: turns parsed arguments into a config. Pure: touches no file. Its ``ValueError`` is a usage error.
        run: does the work; returns an exit code or None for 0. ``ValueError`` and ``OSError`` end with code 1.
    """

    name: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    configure: Callable[[argparse.Namespace], Any]
    run: Callable[[Any], int | None]


def main(command: Command, argv: Sequence[str] | None = None) -> int:
    """Run ``command`` and return its exit code (CONTRACTS section 2): one line on stderr names problem and remedy.

    ``--help``, ``--version`` and usage errors leave by ``SystemExit`` as argparse's users expect.
    """
    parser = build_parser(command)
    args = parser.parse_args(_expanded(parser, sys.argv[1:] if argv is None else list(argv)))
    _set_up_logging(quiet=args.quiet, debug=args.debug)
    try:
        config = command.configure(args)
    except Exception as error:
        return _fail(command, error, USAGE if isinstance(error, ValueError) else FAILED, debug=args.debug)
    if args.dry_run:
        sys.stdout.write(json.dumps(resolved(parser, args)) + '\n')
        return DONE
    try:
        return command.run(config) or DONE
    except Preempted as preempted:
        LOG.warning('%s', preempted)
        return PREEMPTED
    except KeyboardInterrupt:
        return _fail(
            command, InterruptedError('canceled. What was committed before is kept'), CANCELED, debug=args.debug
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away, e.g. `| head`
        return DONE
    except Exception as error:
        return _fail(command, error, USAGE if isinstance(error, UsageError) else FAILED, debug=args.debug)


def build_parser(command: Command) -> 'Parser':
    """The complete parser of a command."""
    parser = Parser(
        prog=f'pifpaf {command.name}',
        description=command.description,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'pifpaf-core {version.version()}')
    parser.add_argument('--dry-run', action='store_true', help='print the resolved options as one JSON object and exit')
    parser.add_argument(
        '--options',
        metavar='JSON',
        action='append',
        default=[],
        help='further options as a JSON object, e.g. \'{"b-scale": 10}\'',
    )
    parser.add_argument('-q', '--quiet', action='store_true', help='only show warnings and errors')
    parser.add_argument('--debug', action='store_true', help='show debug messages, and a stack trace with an error')
    command.add_arguments(parser)
    return parser


def resolved(parser: argparse.ArgumentParser, args: argparse.Namespace) -> dict[str, Any]:
    """Every option by the name of its flag, in the form that ``--options`` takes back.

    A switch is true when its flag was given. Positional arguments stand under their name.
    """
    values: dict[str, Any] = {}
    for action in parser._actions:
        if action.dest in ('help', 'version', 'dry_run', 'options') or action.dest == argparse.SUPPRESS:
            continue
        long_flags = [flag for flag in action.option_strings if flag.startswith('--')]
        name = long_flags[-1].removeprefix('--') if long_flags else action.dest
        value = getattr(args, action.dest)
        if action.nargs == 0 and isinstance(action.default, bool):
            value = value != action.default
        values[name] = list(value) if isinstance(value, tuple) else value
    return values


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and which refuses a flag given twice."""

    def error(self, message: str) -> NoReturn:
        """Print ``pifpaf <command>: <problem>. <remedy>`` and exit with 2."""
        known = [flag for action in self._actions for flag in action.option_strings]
        self.refuse(_with_suggestion(message, known, command=self.prog.split()[-1]))

    def refuse(self, message: str) -> NoReturn:
        """The same for a message that has its remedy."""
        self.exit(USAGE, f'{self.prog}: {" ".join(message.split())}\n')

    def check_repetition(self, given: Sequence[tuple[str, str]]) -> None:
        """Refuse an option that occurs twice in ``given``, a list of (argument, where it stands)."""
        seen: dict[int, tuple[str, str]] = {}
        for argument, place in given:
            if argument == '--':
                return
            action = self._option_string_actions.get(argument.partition('=')[0])
            if action is None or action.dest == 'options':
                continue
            if id(action) in seen:
                first, first_place = seen[id(action)]
                self.refuse(f"option given twice: '{first}' ({first_place}) and '{argument}' ({place}). Remove one")
            seen[id(action)] = (argument, place)


def _expanded(parser: Parser, argv: list[str]) -> list[str]:
    """``argv`` with the contents of each ``--options JSON`` in its place; repetitions are refused."""
    given: list[tuple[str, str]] = []
    arguments = iter(enumerate(argv, start=1))
    for position, argument in arguments:
        if argument == '--options':
            given += _from_json(parser, next(arguments, (0, ''))[1])
        elif argument.startswith('--options='):
            given += _from_json(parser, argument.partition('=')[2])
        else:
            given.append((argument, f'argument {position}'))
    parser.check_repetition(given)
    return [argument for argument, _ in given]


def _from_json(parser: Parser, text: str) -> list[tuple[str, str]]:
    try:
        options = json.loads(text)
        if not isinstance(options, dict):
            raise ValueError('it is no JSON object')
        return [(argument, '--options') for argument in argv_from_mapping(options)]
    except (ValueError, RecursionError) as error:
        parser.refuse(f"--options '{text}' cannot be used: {error}. Give an object such as '{{\"b-scale\": 10}}'")


def _with_suggestion(message: str, known: list[str], *, command: str) -> str:
    prefix = 'unrecognized arguments: '
    if not message.startswith(prefix):
        return f'{message}. See --help'
    import difflib

    wrong = message.removeprefix(prefix).split()[0].partition('=')[0]
    if reason := explanation(wrong, command=command):
        return reason
    if not wrong.startswith('-'):
        return f"unexpected argument '{wrong}'. See --help"
    close = difflib.get_close_matches(wrong, known, n=1)
    return f"unknown option '{wrong}'. " + (f"Did you mean '{close[0]}'? See --help" if close else 'See --help')


def _set_up_logging(*, quiet: bool, debug: bool) -> None:
    level = logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO
    logging.basicConfig(stream=sys.stderr, level=level, format='%(message)s', force=True)
    for chatty in ('matplotlib', 'PIL', 'numba', 'urllib3', 'botocore', 'boto3', 'asyncio'):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _fail(command: Command, error: BaseException, code: int, *, debug: bool) -> int:
    if debug:
        LOG.error('stack trace:', exc_info=error)
    text = ' '.join(_in_words(error).split()) or type(error).__name__
    if not isinstance(error, ValueError | OSError):
        text = f'internal error: {type(error).__name__}: {text}. Run again with --debug and report the stack trace'
    sys.stderr.write(f'pifpaf {command.name}: {text}\n')
    return code


_DISK_FULL = ('no space is left on the disk', 'Free some and run the command again')
_NO_RIGHT = ('permission is denied', 'Choose a place that you may read and write, or mend its rights')
_SYSTEM_ERRORS = {
    errno.ENOENT: ('there is no such file or folder', 'Check the path'),
    errno.ENOTDIR: ('a part of the path is a file, no folder', 'Check the path'),
    errno.EISDIR: ('this is a folder, no file', 'Name a file'),
    errno.EEXIST: ('this exists already', 'Choose another path or remove it'),
    errno.ENAMETOOLONG: ('the name is too long', 'Choose a shorter one'),
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: ('the file system is read-only', 'Choose a folder that can be written'),
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
}


def _in_words(error: BaseException) -> str:
    """The message; for what the operating system refused, ``<problem>: <path>. <remedy>``."""
    if not isinstance(error, OSError) or error.errno is None or type(error).__module__ != 'builtins':
        return str(error)  # ours, or of a library that counts its errors otherwise
    unknown = (str(error.strerror).lower(), 'Check that the path and its disk are sound, and run the command again')
    problem, remedy = _SYSTEM_ERRORS.get(error.errno, unknown)
    place = '' if error.filename is None else f': {error.filename}'
    return f'{problem}{place}. {remedy}'

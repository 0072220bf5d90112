import argparse
import errno
import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from pifpaf_core import command
from pifpaf_core.options import add_options, from_args, option


@dataclass(frozen=True)
class Config:
    """Config."""

    lr: float = option(0.001, 'learning rate')
    b_scale: float = option(1.0, 'width')
    nesterov: bool = option(True, 'momentum')
    failure: str = option('', 'how to fail')

    def __post_init__(self):
        if self.lr < 0:
            raise ValueError('--lr is negative. Give a positive number')
        if self.failure == 'configure':
            raise AttributeError('oops')


def run(config: Config) -> int | None:
    failures = {
        'value': ValueError('the file is\ndamaged. Copy it again'),
        'os': FileNotFoundError(2, 'No such file', 'x.json'),
        'bug': KeyError('oops'),
        'full': OSError(errno.ENOSPC, 'No space left on device'),
        'odd': OSError(errno.EIO, 'Input/output error', 'x.json'),
        'ours': OSError('x.json is strange. Copy it again'),
        'preempted': command.Preempted('state saved'),
        'cancel': KeyboardInterrupt(),
        'usage': command.UsageError('no such thing. Choose another'),
    }
    if config.failure in failures:
        raise failures[config.failure]
    print(config)
    return None


DEMO = command.Command(
    'demo', 'A demo.', lambda parser: add_options(parser, Config), lambda args: from_args(Config, args), run
)


def call(*argv):
    return command.main(DEMO, list(argv))


def test_runs(capsys):
    assert call('--lr=0.5') == 0
    assert 'lr=0.5' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('failure', 'code', 'text'),
    [
        ('value', 1, 'pifpaf demo: the file is damaged. Copy it again\n'),
        ('os', 1, 'pifpaf demo: there is no such file or folder: x.json. Check the path\n'),
        ('full', 1, 'pifpaf demo: no space is left on the disk. Free some and run the command again\n'),
        ('odd', 1, 'pifpaf demo: input/output error: x.json. Check that'),
        ('ours', 1, 'pifpaf demo: x.json is strange. Copy it again\n'),
        ('bug', 1, 'internal error'),
        ('configure', 1, 'internal error: AttributeError: oops'),
        ('preempted', 75, 'state saved'),
        ('cancel', 3, 'canceled'),
        ('usage', 2, 'no such thing'),
    ],
)
def test_failures_are_one_line_and_an_exit_code(capsys, failure, code, text):
    assert call(f'--failure={failure}') == code
    error = capsys.readouterr().err
    assert text in error
    assert error.count('\n') == 1
    assert 'Traceback' not in error


def test_debug_shows_the_stack_trace(capsys):
    assert call('--failure=value', '--debug') == 1
    assert 'Traceback' in capsys.readouterr().err


def test_config_errors_are_usage_errors(capsys):
    assert call('--lr=-1') == 2
    assert capsys.readouterr().err == 'pifpaf demo: --lr is negative. Give a positive number\n'


def test_dry_run_prints_options_that_options_takes_back(capsys):
    assert call('--dry-run', '--lr=0.5', '--no-nesterov', '--failure=value') == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed['lr'] == 0.5
    assert printed['no-nesterov'] is True
    assert call('--dry-run', '--options', json.dumps(printed)) == 0
    assert json.loads(capsys.readouterr().out) == printed


def usage_error(capsys, *argv):
    with pytest.raises(SystemExit) as stop:
        call(*argv)
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_unknown_option_suggests(capsys):
    assert (
        usage_error(capsys, '--b-scal=3')
        == "pifpaf demo: unknown option '--b-scal'. Did you mean '--b-scale'? See --help\n"
    )


def test_an_argument_too_many(capsys):
    assert usage_error(capsys, '--lr', '1', '2') == "pifpaf demo: unexpected argument '2'. See --help\n"


@pytest.mark.parametrize(
    ('argv', 'text'),
    [
        (['--lr=1', '--lr', '2'], "'--lr=1' (argument 1) and '--lr' (argument 2)"),
        (['--lr=1', '--options', '{"lr": 2}'], "'--lr=1' (argument 1) and '--lr=2' (--options)"),
        (['--options', 'b-scale=10'], '--options'),
        (['--options', '[1]'], 'no JSON object'),
        (['--options={"lr": {}}'], 'object as value'),
    ],
)
def test_contradictions_are_refused(capsys, argv, text):
    assert text in usage_error(capsys, *argv)


def test_a_message_with_a_remedy_gets_no_other(capsys):
    assert usage_error(capsys, '--options', '{e').endswith('Give an object such as \'{"b-scale": 10}\'\n')
    assert usage_error(capsys, '--lr=1', '--lr=2').endswith('Remove one\n')
    assert usage_error(capsys, '--lr=fast').endswith('. See --help\n')


def test_importing_is_light():
    """CONTRACTS section 7: neither the package nor its overview imports what is heavy."""
    program = (
        'import sys, pifpaf_core, pifpaf_core.__main__ as m, pifpaf_core.command\n'
        'm.main(["--help"])\n'
        'print([name for name in ("torch", "numba", "cv2", "kfp", "numpy") if name in sys.modules], file=sys.stderr)'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == '[]'


def test_unknown_command(capsys):
    from pifpaf_core.__main__ import main

    assert main(['trian']) == 2
    assert "no command 'trian'" in capsys.readouterr().err


def test_parser_builds_for_argparse_users():
    assert isinstance(command.build_parser(DEMO), argparse.ArgumentParser)

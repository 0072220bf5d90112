import sys

import pytest

from components.runtime import core
from components.runtime.core import CommandFailed


def test_a_command_line():
    argv = core.arguments('predict', 'a.jpg', flags={'checkpoint': 'x', 'quiet': True, 'off': False, 'none': None})
    assert argv == [sys.executable, '-m', 'pifpaf_core.predict', 'a.jpg', '--checkpoint=x', '--quiet']


def test_what_the_user_adds_goes_as_options():
    argv = core.arguments('train', flags={'lr': 0.1}, options={'b-scale': 10})
    assert argv[-2:] == ['--options', '{"b-scale": 10}']


def test_an_exit_code_is_told():
    core.run([sys.executable, '-c', ''])
    with pytest.raises(CommandFailed) as failed:
        core.run([sys.executable, '-c', 'import sys; sys.exit(7)'])
    assert failed.value.code == 7


def test_ticks_while_it_waits(tmp_path):
    file = tmp_path / 'ticks'
    file.write_text('')
    program = f'import time, pathlib\nwhile len(pathlib.Path({str(file)!r}).read_text()) < 3: time.sleep(0.01)'
    core.run([sys.executable, '-c', program], tick=lambda: file.write_text(file.read_text() + '.'), every=0.05)
    assert file.read_text() >= '...'


def test_a_process_does_not_outlive_an_error(tmp_path):
    def fail():
        raise OSError('claim lost')

    program = f'import time, pathlib; time.sleep(1.5); pathlib.Path({str(tmp_path / "outlived")!r}).touch()'
    with pytest.raises(OSError, match='claim lost'):
        core.run([sys.executable, '-c', program], tick=fail, every=0.1)
    assert not (tmp_path / 'outlived').exists()


def test_options():
    assert core.options('', 'x') == {}
    assert core.options('{"b-scale": 10}', 'x') == {'b-scale': 10}


@pytest.mark.parametrize('text', ['[1]', '{', '{"--lr": 1}', '{"a": {"b": 1}}'])
def test_what_is_no_options_names_its_flag(text):
    with pytest.raises(ValueError, match=r'--train-options .* cannot be used.*Give an object such as'):
        core.options(text, 'train-options')

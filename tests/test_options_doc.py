"""``docs/options.md`` says of every option of OpenPifPaf what became of it, and it is true."""

import importlib
import re
from fnmatch import fnmatchcase
from typing import NamedTuple

import pytest

from pifpaf_core import command
from pifpaf_core.not_taken_over import NOT_TAKEN_OVER

COMMANDS = ('train', 'eval', 'predict', 'logs')
KEPT = ('same', 'other')


class Row(NamedTuple):
    flag: str
    command: str
    state: str
    remark: str


@pytest.fixture(scope='session')
def page(repository):
    """The text under each heading of the second level."""
    parts = re.split(r'^## (.*)$', (repository / 'docs/options.md').read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(text):
    """The cells of all table rows, headings left out."""
    lines = [line.strip().strip('|').split(' | ') for line in text.splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in cells] for cells in lines if not cells[0].startswith(('---', ' option', ' comm'))]


@pytest.fixture(scope='session')
def rows(page):
    """One row for each flag and command of OpenPifPaf that is also a command here."""
    text = page['Options'].partition('### Commands that are not here')[0]
    found = []
    for flags, commands, state, *remark in table(text):
        found += [
            Row(flag, name, state, ''.join(remark))
            for flag in re.findall(r'`([^`]*)`', flags)
            for name in commands.split()
        ]
    assert len(found) > 400
    return found


@pytest.fixture(scope='session')
def parsers():
    return {name: command.build_parser(importlib.import_module(f'pifpaf_core.{name}').COMMAND) for name in COMMANDS}


def options_of(parser):
    return {flag for action in parser._actions for flag in (action.option_strings or [action.dest])}


def test_each_flag_is_listed_once_for_a_command(rows):
    listed = [(row.flag, row.command) for row in rows]
    assert sorted(listed) == sorted(set(listed))


def test_states_are_known_and_changes_are_explained(rows):
    assert {row.state for row in rows} <= {*KEPT, 'not taken over'}
    assert [row for row in rows if row.state != 'same' and not row.remark] == []


@pytest.mark.parametrize('name', COMMANDS)
def test_kept_options_exist(rows, parsers, name):
    listed = {row.flag for row in rows if row.command == name and row.state in KEPT}
    assert sorted(listed - options_of(parsers[name])) == []


@pytest.mark.parametrize('name', COMMANDS)
def test_options_that_are_not_taken_over_end_with_a_line_that_says_so(rows, parsers, name, capsys):
    listed = [row for row in rows if row.command == name and row.state == 'not taken over']
    assert listed
    for row in listed:
        with pytest.raises(SystemExit) as stop:
            parsers[name].parse_args([*(['x'] if name == 'logs' else []), row.flag])
        line = capsys.readouterr().err
        said = f"pifpaf {name}: option '{row.flag}' is not taken over from OpenPifPaf: {row.remark}. "
        assert (stop.value.code, line.count('\n')) == (2, 1)
        assert line.startswith(said)


def test_every_reason_is_on_the_page(rows):
    """A pattern that matches no option of OpenPifPaf would never be read."""
    for reason in NOT_TAKEN_OVER:
        for pattern in reason.flags:
            matched = [
                row for row in rows if fnmatchcase(row.flag, pattern) and row.remark == reason.reason
                and (not reason.commands or row.command in reason.commands)
            ]  # fmt: skip
            assert matched, pattern


def test_new_options_are_those_that_openpifpaf_has_not(page, rows, parsers):
    listed = {(flag, name) for flags, names, _ in table(page['New options'])
              for flag in re.findall(r'`([^`]*)`', flags) for name in names.split()}  # fmt: skip
    old = {(row.flag, row.command) for row in rows}
    new = set()
    for name, parser in parsers.items():
        for action in parser._actions:
            flags = [flag for flag in action.option_strings if flag.startswith('--')]
            if flags and '--help' not in flags and not any((flag, name) in old for flag in flags):
                new.add((flags[-1], name))
    unlisted = {(f, c) for f, c in new if not any(fnmatchcase(f, pattern) and c == d for pattern, d in listed)}
    assert unlisted == set(), 'describe them in docs/options.md, New options'
    gone = {(pattern, d) for pattern, d in listed if not any(fnmatchcase(f, pattern) and c == d for f, c in new)}
    assert gone == set(), 'remove them from docs/options.md'


def test_a_real_command_line(capsys):
    from pifpaf_core.__main__ import main

    with pytest.raises(SystemExit) as stop:
        main(['train', '--dataset=cocokp', '--basenet=tiny', '--epochs=1', '--cifar10-root-dir', 'x'])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "pifpaf train: option '--cifar10-root-dir' is not taken over from OpenPifPaf: this data set is not supported. "
        'Leave it out\n'
    )


def test_the_list_is_complete(page, shared):
    """Against the whole list of OpenPifPaf's options."""
    whole = ' '.join(page.values())
    rows = {(flag, name) for flags, commands, *_ in table(page['Options'].partition('### Commands that')[0])
            for flag in re.findall(r'`([^`]*)`', flags) for name in commands.split()}  # fmt: skip
    commands: list[str] = []
    for line in (shared / 'OPENPIFPAF-OPTIONS.md').read_text().splitlines():
        if match := re.match(r'\*\*.*\*\* - in: (.*)', line):
            commands = match[1].split(', ')
        elif match := re.match(r'\| `(.*?)` \|', line):
            for flag in match[1].split(', '):
                assert f'`{flag}`' in whole, flag
                for name in set(commands) & set(COMMANDS):
                    assert (flag, name) in rows, (flag, name)


def test_rows_are_read_as_written():
    assert table('| option | command |\n|---|---|\n| `--a`, `--b` | train | same |  |\n') == [
        ['`--a`, `--b`', 'train', 'same', '']
    ]

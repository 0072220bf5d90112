import os
import subprocess

import pytest
import torch

from pifpaf_core import files
from pifpaf_core.command import UsageError
from pifpaf_core.training import state as state_module
from pifpaf_core.training.state import StateFiles, StateOptions, check_options


@pytest.fixture
def states(tmp_path):
    return StateFiles(tmp_path / 'run')


def content(n):
    return {'n': n, 'tensor': torch.full((3,), float(n)), 'options': {'lr': 0.1}}


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_round_trip_and_two_generations(states):
    assert not states.exist()
    states.save(content(1))
    states.save(content(2))
    states.save(content(3))
    assert states.exist()
    assert sorted(p.name for p in states.output.parent.iterdir()) == [
        'run.state.prev.pt', 'run.state.prev.pt.sha256', 'run.state.pt', 'run.state.pt.sha256',
    ]  # fmt: skip
    assert states.load()['n'] == 3
    assert torch.load(states.previous, weights_only=True)['n'] == 2


def test_digests_are_those_of_sha256sum(states):
    states.save(content(1))
    states.save(content(2))
    for path in (states.current, states.previous):
        done = subprocess.run(
            ['sha256sum', '--check', f'{path.name}.sha256'], cwd=path.parent, capture_output=True, text=True
        )
        assert done.stdout == f'{path.name}: OK\n'


@pytest.mark.parametrize('harm', ['flipped', 'truncated', 'empty', 'missing', 'foreign', 'no digest'])
def test_damaged_state_is_recognised_and_the_previous_one_used(states, harm, caplog):
    states.save(content(1))
    states.save(content(2))
    current = states.current
    if harm == 'flipped':
        damage(current)
    elif harm == 'truncated':
        current.write_bytes(current.read_bytes()[:-10])
    elif harm == 'empty':
        current.write_bytes(b'')
    elif harm == 'missing':
        current.unlink()
    elif harm == 'foreign':
        torch.save({'weights': torch.zeros(3)}, current)
        current.with_name(current.name + '.sha256').write_text(files.sha256(current))
    else:
        current.with_name(current.name + '.sha256').unlink()
    assert states.load()['n'] == 1
    (line,) = [record.message for record in caplog.records]
    assert str(current) in line and 'Using the previous state' in line
    states.save(content(3))  # and the damaged one never becomes the previous one
    assert torch.load(states.previous, weights_only=True)['n'] == 1
    assert states.load()['n'] == 3


@pytest.mark.parametrize('error', [EOFError(), KeyError(105), IndexError('list index out of range')])
def test_whatever_torch_says_of_damage_the_previous_state_is_used(states, monkeypatch, error):
    """All three were seen by the bad-input campaign, with digests that fit."""
    states.save(content(1))
    states.save(content(2))
    load = torch.load

    def damaged(path, **options):
        if path == states.current:
            raise error
        return load(path, **options)

    monkeypatch.setattr(torch, 'load', damaged)
    assert states.load()['n'] == 1


def test_code_in_a_state_is_not_run(states):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(states.output) + '.harm',)

    torch.save({'format': 1, 'payload': Payload()}, states.current)
    states.current.with_name(states.current.name + '.sha256').write_text(files.sha256(states.current))
    with pytest.raises(ValueError, match='no saved state'):
        states.load()
    assert not os.path.exists(str(states.output) + '.harm')


def test_both_damaged_is_an_error_with_a_remedy(states):
    states.save(content(1))
    states.save(content(2))
    damage(states.current)
    damage(states.previous)
    with pytest.raises(ValueError, match=r'damaged.*damaged.*delete both to start anew'):
        states.load()


def read_whole(monkeypatch):
    """The names of files that are read to the end from now on, to find their digest."""
    seen = []
    monkeypatch.setattr(state_module, 'sha256', lambda path: (seen.append(path.name), files.sha256(path))[1])
    return seen


def test_what_this_process_wrote_or_checked_is_not_read_again(states, monkeypatch):
    """Reading would double the cost of a save."""
    seen = read_whole(monkeypatch)
    for n in (1, 2, 3):
        states.save(content(n))
    assert seen == []
    again = StateFiles(states.output)
    assert again.load()['n'] == 3 and seen == ['run.state.pt']
    again.save(content(4))
    assert seen == ['run.state.pt']
    assert torch.load(again.previous, weights_only=True)['n'] == 3
    StateFiles(states.output).save(content(5))  # which nobody knows yet
    assert seen == ['run.state.pt', 'run.state.pt']


@pytest.mark.parametrize('loaded', [True, False])
def test_damage_between_two_saves_of_a_process_is_noticed(states, loaded):
    states.save(content(1))
    states.save(content(2))
    if loaded:
        states = StateFiles(states.output)
        states.load()
    damage(states.current)
    states.save(content(3))
    assert torch.load(states.previous, weights_only=True)['n'] == 1


class Killed(BaseException):
    pass


@pytest.mark.parametrize('moment', range(1, 20))
def test_a_kill_at_any_moment_of_a_save_loses_nothing(states, monkeypatch, moment, caplog):
    """Stop after each operation on the file system in turn: what was saved before, or the new state, is there."""
    states.save(content(1))
    states.save(content(2))
    monkeypatch.setattr(state_module.os, 'link', stopping(os.link, calls := [], moment))
    monkeypatch.setattr('pathlib.Path.replace', stopping(os.replace, calls, moment))
    monkeypatch.setattr('os.fsync', stopping(os.fsync, calls, moment))
    try:
        states.save(content(3))
        killed = False
    except Killed:
        killed = True
    monkeypatch.undo()
    found = states.load()['n']
    assert found in ((2, 3) if killed else (3,))
    assert not caplog.records
    if not killed:
        assert len(calls) < moment  # so all moments have been tried
    states.save(content(4))
    assert states.load()['n'] == 4


def stopping(function, calls, moment):
    def call(*args, **kwargs):
        result = function(*args, **kwargs)
        calls.append(function.__name__)
        if len(calls) == moment:
            raise Killed
        return result

    return call


def test_without_hard_links_the_generation_is_copied(states, monkeypatch):
    def refuse(*args):
        raise OSError('no hard links here')

    monkeypatch.setattr(state_module.os, 'link', refuse)
    states.save(content(1))
    states.save(content(2))
    damage(states.current)
    assert states.load()['n'] == 1


def test_a_save_that_fails_leaves_what_was_there(states, monkeypatch):
    states.save(content(1))

    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='No space'):
        states.save(content(2))
    monkeypatch.undo()
    assert states.load()['n'] == 1
    assert not list(states.output.parent.glob('.*'))


def test_debris_of_a_killed_process_is_removed(states):
    states.output.parent.joinpath('.run.state.pt.abc.part').write_bytes(b'half')
    other = states.output.parent.joinpath('.other.state.pt.abc.part')
    other.write_bytes(b'half')
    states.remove_debris()
    assert [p.name for p in states.output.parent.iterdir()] == [other.name]


DEFAULTS = {'lr': 0.001, 'b-scale': 1.0, 'new': 0}


def check(given, recorded, *override):
    overridden = StateOptions(resume_override=override).overridden
    check_options({**DEFAULTS, **given}, recorded, defaults=DEFAULTS, override=overridden)


def test_same_options_pass_and_free_ones_may_differ():
    given = {'lr': 0.1, 'loader-workers': 4, 'output': 'a', 'ddp': True}
    check(given, {'lr': 0.1, 'loader-workers': 0, 'output': 'b', 'ddp': False})


def test_other_options_are_refused_and_named():
    with pytest.raises(UsageError, match=r'--lr was 0\.2 and is 0\.1.*--resume-override lr$'):
        check({'lr': 0.1}, {'lr': 0.2, 'b-scale': 1.0})


def test_options_that_the_state_does_not_know_had_their_defaults():
    check({'lr': 0.1}, {'lr': 0.1, 'gone': 7})
    with pytest.raises(UsageError, match='--new was 0 and is 3'):
        check({'lr': 0.1, 'new': 3}, {'lr': 0.1, 'gone': 7})


def test_many_different_options_do_not_fill_the_screen():
    many = {f'option-{i}': i for i in range(100)}
    with pytest.raises(UsageError, match=r'and 92 more\. Give .* \.\.\.$') as caught:
        check(many, dict.fromkeys(many, -1))
    assert len(str(caught.value)) < 1000


def test_overridden_options_may_differ():
    check({'lr': 0.1}, {'lr': 0.2}, '--lr')


def test_what_cannot_change_cannot_be_overridden():
    with pytest.raises(ValueError, match="'basenet' cannot change"):
        StateOptions(resume_override=('lr', 'basenet'))
    with pytest.raises(UsageError, match='or another --output'):
        check({'adam': True}, {'adam': False})


def test_negative_interval():
    with pytest.raises(ValueError, match='--state-interval'):
        StateOptions(state_interval=-1.0)

import time
from pathlib import Path

import pytest

from pifpaf_core.training.saving import Saving
from pifpaf_core.training.state import StateFiles


def make(tmp_path, *, interval=0.0, write=None):
    return Saving(
        StateFiles(tmp_path / 'run'),
        interval=interval,
        write_checkpoint=write or (lambda epoch: Path('x')),
        facts={'a': 1},
    )


def test_state_holds_the_facts(tmp_path):
    saving = make(tmp_path)
    saving.state({'b': 2})
    assert saving.files.load() == {'format': 1, 'a': 1, 'b': 2}


def test_due_after_the_interval_and_never_without_one(tmp_path, monkeypatch):
    saving, never = make(tmp_path, interval=10.0), make(tmp_path)
    now = time.monotonic()
    for minutes, expected in ((9, False), (11, True)):
        monkeypatch.setattr(time, 'monotonic', lambda minutes=minutes: now + 60 * minutes)
        assert saving.due() is expected
        assert never.due() is False
    saving.state({})
    assert saving.due() is False


def test_cheap_when_little_of_the_time_goes_into_saving(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    saving = make(tmp_path)
    assert saving.cheap()  # nothing is known yet
    original = saving.files.save

    def slow(self, state):
        now[0] += 2.0
        original(state)

    monkeypatch.setattr(StateFiles, 'save', slow)
    saving.state({})
    for seconds, expected in ((0, False), (99, False), (101, True)):
        now[0] = 102.0 + seconds
        assert saving.cheap() is expected


def test_a_full_disk_is_loud_and_the_next_save_is_tried(tmp_path, caplog):
    problems = [OSError(28, 'No space left on device')]

    def write(epoch):
        if problems:
            raise problems[0]
        return Path('x')

    saving = make(tmp_path, write=write)
    saving.checkpoint(1)
    assert any('THE CHECKPOINT IS NOT SAVED' in r.message and 'No space' in r.message for r in caplog.records)
    saving.check('state')
    with pytest.raises(OSError, match='No space'):
        saving.check('checkpoint', 'state')
    problems.clear()
    saving.checkpoint(2)
    saving.check('checkpoint', 'state')

from components.runtime import progress
from components.runtime.progress import Progress


def test_short_work_is_silent(caplog):
    caplog.set_level('INFO')
    Progress('sending x', 10).add(10)
    assert caplog.messages == []


def test_long_work_says_how_far_it_is(caplog, monkeypatch):
    caplog.set_level('INFO')
    monkeypatch.setattr(progress, '_SAY_EVERY', 0.0)
    Progress('sending x', 10 << 20, start=1 << 20).add(3 << 20)
    Progress('sending y', 10, unit='files', scale=1).add(3)
    assert caplog.messages == ['sending x: 4 of 10 MiB', 'sending y: 3 of 10 files']

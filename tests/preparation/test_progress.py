import logging

from pifpaf_core.preparation.progress import Progress, shown


def test_a_line_says_share_counts_and_unit():
    progress = Progress('reading', total=200, unit='B')
    progress.count = 50
    assert progress.line().startswith('reading [#######.......................]  25% 0.0 MB of 0.0 MB, ')
    assert 's left' in progress.line()


def test_without_a_total():
    progress = Progress('reading', total=None)
    progress.count = 50
    assert progress.line().startswith('reading: 50, ') and '%' not in progress.line()


def test_a_resumed_count_does_not_inflate_the_rate():
    resumed = Progress('reading', total=10**9, start=10**9 - 1)
    assert ', 0/s' in resumed.line() and '100%' in resumed.line()


def test_items_pass_and_are_logged(caplog):
    caplog.set_level(logging.INFO)
    with Progress('reading', total=2, interval=0.0) as progress:
        progress.add()
    assert caplog.messages[0].startswith('reading [###############')
    assert list(shown(iter('abc'), 'x', total=3)) == ['a', 'b', 'c']


def test_quiet_shows_nothing(caplog):
    caplog.set_level(logging.WARNING)
    with Progress('reading', total=2, interval=0.0) as progress:
        progress.add()
    assert caplog.messages == []

import json
import logging

from pifpaf_core.training.progress import PROFILED_BATCHES, ProgressBar, profiled


def test_lines_without_a_terminal(caplog, capsys):
    caplog.set_level(logging.INFO)
    with ProgressBar(total=4, done=2) as bar:
        bar.advance()
        bar.status('epoch 1/2', 'loss 3')
    assert [r.message for r in caplog.records] == ['epoch 1/2: loss 3']
    assert capsys.readouterr().err == ''


def test_forced_bar_shows_progress_and_status(caplog, capsys):
    caplog.set_level(logging.INFO)
    with ProgressBar(total=4, done=2, force=True) as bar:
        bar.status('epoch 2/2', 'loss 3')
        bar.advance()
        bar.advance()
    shown = capsys.readouterr().err
    assert '4/4' in shown and 'epoch 2/2' in shown and 'loss 3' in shown
    assert not caplog.records


def test_silent_wins(capsys):
    with ProgressBar(total=4, done=0, force=True, silent=True) as bar:
        bar.advance()
    assert capsys.readouterr().err == ''


def test_profile_of_the_first_batches(tmp_path):
    path = tmp_path / 'folder' / 'trace.json'
    with profiled(str(path)) as profile:
        for _ in range(PROFILED_BATCHES):
            assert not path.exists()
            profile.step()
        assert json.loads(path.read_text())['traceEvents']
        profile.step()


def test_profile_of_a_shorter_training(tmp_path):
    path = tmp_path / 'trace.json'
    with profiled(str(path)) as profile:
        profile.step()
    assert path.exists()


def test_no_profile():
    with profiled(None) as profile:
        profile.step()

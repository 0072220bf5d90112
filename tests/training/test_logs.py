import json
import logging
import os
import signal
import subprocess
import sys

import pytest

from pifpaf_core import version
from pifpaf_core.training.logs import RECORDED, TrainingLog


@pytest.fixture(autouse=True)
def info():
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(level)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_first_line_says_what_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(version, 'version', lambda: '1.2+3.gabc')
    monkeypatch.setattr(version, 'plugin_versions', lambda: {'plugin': '7'})
    monkeypatch.setattr(sys, 'argv', ['train', '--lr=0.1'])
    with TrainingLog(tmp_path / 'a' / 'run.log') as log:
        log.process({'lr': 0.1, 'b-scale': 5.0})
        log.record('config', field_names=['x.cif.c'])
    process, config = lines(tmp_path / 'a' / 'run.log')
    assert {'message', 'levelname', 'name', 'asctime', 'hostname'} <= process.keys()
    assert process['type'] == 'process'
    assert process['argv'] == ['train', '--lr=0.1']
    assert process['args'] == {'lr': 0.1, 'b_scale': 5.0}
    assert (process['version'], process['plugin_versions']) == ('1.2+3.gabc', {'plugin': '7'})
    assert (config['type'], config['field_names']) == ('config', ['x.cif.c'])


@pytest.mark.parametrize(('described', 'warnings'), [('1.2+3.gabc.dirty', 1), ('1.2+3.gabc', 0)])
def test_warns_of_a_dirty_tree(tmp_path, monkeypatch, described, warnings):
    monkeypatch.setattr(version, 'version', lambda: described)
    with TrainingLog(tmp_path / 'run.log') as log:
        log.process({})
    found = [line for line in lines(tmp_path / 'run.log') if line['levelname'] == 'WARNING']
    assert len(found) == warnings
    assert all('no commit holds' in line['message'] for line in found)


def test_messages_are_lines_too_unless_a_record_says_them(tmp_path):
    with TrainingLog(tmp_path / 'run.log'):
        logging.getLogger('some.module').warning('hello %d', 3)
        logging.getLogger('some.module').info('epoch 1: fine', extra=RECORDED)
    logging.getLogger('some.module').warning('after the log is closed')
    (line,) = lines(tmp_path / 'run.log')
    assert (line['message'], line['levelname'], line['name']) == ('hello 3', 'WARNING', 'some.module')
    assert len(line['asctime']) == len('2026-11-22 07:17:22,939')


def test_continues_a_log_after_its_last_whole_line(tmp_path):
    path = tmp_path / 'run.log'
    path.write_text('{"type": "process"}\n{"type": "train", "lo')
    with TrainingLog(path) as log:
        log.record('train-epoch', loss=1.0)
    assert [line['type'] for line in lines(path)] == ['process', 'train-epoch']


@pytest.mark.parametrize('found', ['', '{"half": '])
def test_starts_where_no_line_is_whole(tmp_path, found):
    path = tmp_path / 'run.log'
    path.write_text(found)
    with TrainingLog(path) as log:
        log.record('config')
    assert [line['type'] for line in lines(path)] == ['config']


WRITES = """
import os, sys, time
from pathlib import Path
from pifpaf_core.training.logs import TrainingLog
with TrainingLog(Path(sys.argv[1])) as log:
    log.record('config')
    loader = os.fork()
    if loader:
        print(loader, flush=True)
    time.sleep(300)
"""


@pytest.fixture
def another(tmp_path):
    """A training that writes ``run.log``, with a loader process."""
    process = subprocess.Popen([sys.executable, '-c', WRITES, str(tmp_path / 'run.log')], stdout=subprocess.PIPE)
    loader = int(process.stdout.readline())
    yield process
    os.kill(loader, signal.SIGKILL)
    process.kill()
    process.communicate()


def test_of_two_trainings_with_one_output_the_second_is_refused(another, tmp_path):
    path = tmp_path / 'run.log'
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r'another training writes .*run\.log\. Choose another --output'):
        TrainingLog(path)
    assert path.read_bytes() == before
    another.kill()  # its loader lives on for a moment and keeps nobody out
    another.wait()
    with TrainingLog(path) as log:
        log.record('config')
    assert len(lines(path)) == 2


def test_other_processes_write_nothing(tmp_path):
    with TrainingLog(None) as log:
        log.record('config')
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_loud_and_no_end(tmp_path, caplog):
    class Full:
        def write(self, text):
            raise OSError(28, 'No space left on device')

        def close(self):
            pass

    with TrainingLog(tmp_path / 'run.log') as log:
        log._file.close()
        log._file = Full()
        log.record('config')
    assert any('No space left' in r.message and r.levelname == 'ERROR' for r in caplog.records)

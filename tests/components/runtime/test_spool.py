import json

import pytest

from components.runtime.spool import Spool


def line(batch, **fields):
    record = {'type': 'train', 'epoch': 0, 'batch': batch, 'n_batches': 1000, 'loss': float(batch), **fields}
    return json.dumps(record) + '\n'


PROCESS = json.dumps({'type': 'process', 'args': {'lr': 0.1}}) + '\n'
CONFIG = json.dumps({'type': 'config', 'field_names': ['c']}) + '\n'


class Server:
    """Takes points, or is away."""

    def __init__(self):
        self.is_away = False
        self.points, self.processes = [], []

    def __call__(self, points, process):
        if self.is_away:
            raise ConnectionError('away')
        self.points += points
        if process:
            self.processes.append(process)

    @property
    def steps(self):
        return [point.step for point in self.points if point.name == 'train/loss']


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def log(tmp_path):
    return tmp_path / 'net.log'


def test_a_log_that_is_not_there_yet(log, server):
    spool = Spool(log, server)
    assert spool.forward() == 0
    assert spool.is_empty


def test_each_line_is_sent_once(log, server):
    spool = Spool(log, server)
    log.write_text(PROCESS + line(0) + '{"message": "hello"}\n')
    assert spool.forward() == 3
    assert spool.forward() == 0
    with log.open('a') as file:
        file.write(line(1))
    assert spool.forward() == 1
    assert server.steps == [0, 1]
    assert [process['args'] for process in server.processes] == [{'lr': 0.1}]


def test_half_a_line_waits_for_its_other_half(log, server):
    spool = Spool(log, server)
    whole = line(0)
    log.write_text(whole[:20])
    assert spool.forward() == 0
    assert not spool.is_empty
    log.write_text(whole)
    spool.forward()
    assert server.steps == [0]


def test_while_the_server_is_away_nothing_is_lost(log, server):
    spool = Spool(log, server)
    log.write_text(''.join(map(line, range(3))))
    spool.forward()
    server.is_away = True
    with log.open('a') as file:
        file.writelines(map(line, range(3, 2000)))
    for _ in range(3):
        with pytest.raises(ConnectionError):
            spool.forward()
    assert not spool.is_empty
    server.is_away = False
    spool.forward()
    assert server.steps == list(range(2000))


def test_a_restarted_program_goes_on_where_the_last_one_stopped(log, server):
    log.write_text(CONFIG + line(0, head_losses=[1.0]))
    Spool(log, server).forward()
    with log.open('a') as file:
        file.write(line(1, head_losses=[2.0]))
    Spool(log, server).forward()
    assert server.steps == [0, 1]
    assert [point.value for point in server.points if point.name == 'train/c'] == [1.0, 2.0]


@pytest.mark.parametrize('offset', ['nonsense', '999999'])
def test_an_offset_that_makes_no_sense_starts_over(log, server, offset):
    log.write_text(line(0))
    (log.parent / 'net.log.offset').write_text(offset)
    Spool(log, server).forward()
    assert server.steps == [0]

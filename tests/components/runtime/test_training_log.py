import json
import math

import pytest

from components.runtime.training_log import LogParser, Point, curve

STAMP = {'asctime': '2026-11-22 07:17:22,939'}


def points(*records):
    parser = LogParser()
    return [point for r in records if (record := parser.record(json.dumps(r))) for point in parser.points(record)]


def values(*records):
    return {(point.name, point.step): point.value for point in points(*records)}


CONFIG = {'type': 'config', 'field_names': ['cocokp.cif.c', 'cocokp.caf.c']}
TRAIN = {
    'type': 'train',
    'epoch': 3,
    'batch': 4,
    'n_batches': 10,
    'loss': 5.5,
    'lr': 0.1,
    'time': 0.3,
    'data_time': 0.1,
}


def test_signs_of_health_are_curves():
    found = values(STAMP | TRAIN | {'grad_norm': 2.5, 'gpu_memory': 11.0, 'images_per_second': 80.0, 'data_wait': 0.1})
    wanted = {'grad_norm': 2.5, 'gpu_memory_gib': 11.0, 'images_per_second': 80.0, 'data_wait': 0.1}
    assert {name: found[f'train/{name}', 34] for name in wanted} == wanted
    assert ('train/grad_norm', 34) not in values(STAMP | TRAIN | {'grad_norm': None})


def test_batches_count_from_the_start_of_training():
    assert values(STAMP | TRAIN) == {
        ('train/loss', 34): 5.5,
        ('train/lr', 34): 0.1,
        ('train/seconds', 34): 0.3,
        ('train/data_seconds', 34): 0.1,
    }


def test_components_have_the_names_of_the_config_line():
    found = values(CONFIG, STAMP | TRAIN | {'head_losses': [1.5, None]})
    assert found['train/cocokp.cif.c', 34] == 1.5
    assert ('train/cocokp.caf.c', 34) not in found


@pytest.mark.parametrize(('kind', 'name'), [('train-epoch', 'train'), ('val-epoch', 'val')])
def test_epochs(kind, name):
    found = values(CONFIG, STAMP | {'type': kind, 'epoch': 7, 'loss': 2.0, 'head_losses': [1.0, 1.0], 'time': 9})
    assert found[f'epoch/{name}_loss', 7] == 2.0
    assert found[f'epoch/{name}_seconds', 7] == 9.0
    assert found[f'epoch/{name}/cocokp.caf.c', 7] == 1.0


def test_time_is_that_of_the_line_and_always_the_same():
    first, second = points(STAMP | TRAIN)[0].time, points(STAMP | TRAIN)[0].time
    assert first == second
    assert first % 1 == pytest.approx(0.939)
    assert points(TRAIN)[0].time == 0.0


def test_a_loss_that_is_no_number_is_kept():
    assert math.isnan(values(STAMP | TRAIN | {'loss': math.nan})['train/loss', 34])


@pytest.mark.parametrize('line', ['', 'no json', '{"message": "hello"}', '[1]', '{"type": "unknown", "epoch": 1}'])
def test_other_lines_have_no_points(line):
    parser = LogParser()
    record = parser.record(line)
    assert record is None or list(parser.points(record)) == []


def test_of_a_step_that_was_logged_twice_the_later_one_counts():
    made = [Point('a', 2, 1.0, 0.0), Point('a', 1, 3.0, 0.0), Point('b', 1, 9.0, 0.0), Point('a', 2, 2.0, 0.0)]
    assert curve(made, 'a') == [(1, 3.0), (2, 2.0)]

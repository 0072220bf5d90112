import json

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks.measuring import Figure


def test_a_smoke_run_measures_every_part(tmp_path, capsys):
    path = tmp_path / 'results' / 'result.json'
    assert benchmarks.main(['--smoke', '--output', str(path)]) == 0
    result = json.loads(path.read_text())
    figures = {figure['name']: figure for figure in result['figures']}
    assert all(figure['value'] > 0 for figure in figures.values())
    assert {'training step', 'CAF targets, 1 person', 'CifCaf, 1 person', 'pifpaf --help'} <= set(figures)
    assert result['calibration']['times_slower'] == pytest.approx(
        figures['training step, plain float32']['value'] / 2360.0, abs=1e-3
    )
    printed = capsys.readouterr().out
    assert all(f'| {name} |' in printed for name in figures)
    table = [line for line in printed.splitlines() if line.startswith('|')]
    assert len({line.count('|') for line in table}) == 1


def test_ratios_take_the_machine_into_account():
    assert Figure('part', 2.0, 1.0, openpifpaf=10.0).times_better(2.0) == 10.0
    assert Figure('rate', 40.0, 50.0, 'samples/s', openpifpaf=10.0).times_better(2.0) == 8.0
    assert Figure('loop', 1.1, 1.0, 'ratio', openpifpaf=1.2).times_better(2.0) is None
    assert Figure('new', 1.0, 1.0).times_better(2.0) is None


def test_without_a_training_step_machines_count_as_equal(tmp_path):
    path = tmp_path / 'result.json'
    assert benchmarks.main(['--smoke', '--only', 'fields', '--output', str(path)]) == 0
    assert json.loads(path.read_text())['calibration']['times_slower'] == 1.0

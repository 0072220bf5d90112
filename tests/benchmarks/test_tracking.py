import json

import pytest

from benchmarks import tracking


@pytest.mark.nightly
def test_a_smoke_run_measures_every_case(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'as it was')
    path = tmp_path / 'result.json'
    assert tracking.main(['--smoke', '--output', str(path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads(path.read_text())
    assert result['no mlflow']['times_without'] == 1.0
    assert result['server killed']['ms_a_step'] > 0

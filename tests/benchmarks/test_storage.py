import json

from benchmarks import storage


def test_a_smoke_run_measures_every_way(tmp_path, capsys, monkeypatch):
    for name in ('AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_DEFAULT_REGION'):
        monkeypatch.setenv(name, 'as it was')
    path = tmp_path / 'result.json'
    assert storage.main(['--smoke', '--output', str(path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads(path.read_text())
    ways = {name: figures for name, figures in result.items() if isinstance(figures, dict)}
    assert len(ways) == 4
    assert ways['local files']['times_local'] == 1.0
    assert all(figures['ms_an_image'] > 0 for figures in ways.values())

import json

from benchmarks import __main__ as benchmarks


def test_a_smoke_run_measures_every_part(tmp_path, capsys):
    path = tmp_path / 'result.json'
    assert benchmarks.main(['--smoke', '--output', str(path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads(path.read_text())
    parts = [name for name in result if name.endswith('people 1')]
    assert parts == [f'{name}, people 1' for name in benchmarks.ANCESTOR]
    assert all(0 < result[name]['minimum'] <= result[name]['median'] for name in parts)

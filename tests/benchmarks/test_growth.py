import json

from PIL import Image

from benchmarks import growth


def test_a_smoke_run_draws_every_chart(tmp_path, capsys):
    assert growth.main(['--smoke', '--output', str(tmp_path / 'growth.json')]) == 0
    charts = json.loads((tmp_path / 'growth.json').read_text())
    printed = capsys.readouterr().out
    for name in growth.TITLES:
        for label, curve in charts[name].items():
            assert len(curve) == 2
            assert all(cost > 0.0 for cost in curve.values())
            assert f'| {label} |' in printed
    with Image.open(tmp_path / 'growth.png') as picture:
        assert picture.size == (880, 600)
        assert len(picture.convert('RGB').getcolors(1 << 20)) > 10

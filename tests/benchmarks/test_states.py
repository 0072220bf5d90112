from benchmarks import states


def test_each_optimizer_is_measured_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = {figure.name: figure for figure in states.measure(smoke=True)}
    assert len(figures) == 6 and list(tmp_path.iterdir()) == []
    for name in ('SGD', 'Adam'):
        save = figures[f'saving the state, {name}']
        share = figures[f'saving the state, {name}, against the default interval']
        assert share.value == save.value / 600e3 and save.value > 0

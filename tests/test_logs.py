import json

import pytest

from pifpaf_core.logs import main
from pifpaf_core.visualize import curves

NAMES = ['cocokp.cif.c', 'cocokp.cif.vec', 'cocokp.caf.c']


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """Two trainings, the first one evaluated twice."""
    monkeypatch.chdir(tmp_path)
    for scale, name in enumerate(('a', 'b'), start=1):
        records = [{'type': 'config', 'field_names': NAMES}]
        for batch in range(300):
            losses = [scale * 100.0 / (1 + batch), scale * 5.0, -1.0 * batch]
            records.append({
                'type': 'train', 'epoch': batch // 10, 'batch': batch % 10, 'n_batches': 10, 'loss': sum(losses),
                'head_losses': losses, 'lr': 1e-3, 'time': 0.1, 'data_time': 0.01, 'mtl_sigmas': [1.0, 2.0, 0.5],
            })  # fmt: skip
        (tmp_path / f'{name}.log').write_text('\n'.join(map(json.dumps, records)))
    for epoch in (10, 20):
        stats = {'stats': [0.03 * epoch, 0.9], 'text_labels': ['AP', 'AP0.5'], 'dataset': 'cocokp'}
        (tmp_path / f'a.epoch{epoch:03d}.safetensors.eval-cocokp.stats.json').write_text(json.dumps(stats))
    return tmp_path


def pictures(folder):
    return {path.name for path in folder.iterdir() if path.suffix not in ('.log', '.json')}


def test_pictures_and_a_line_for_each_training(logs, capsys):
    assert main(['a.log', 'b.log']) == 0
    assert pictures(logs) == {'a.log.losses.png', 'a.log.training.png', 'a.log.evaluation.png'}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'a: epoch 30, loss 105 to -293.67, cocokp AP 60.0 at epoch 20'
    assert lines[1].startswith('b: epoch 30, loss 210 to ')


def test_no_evaluation_no_picture_of_it(logs):
    assert main(['b.log', '-o', 'curves/b-', '--show-file-extension=jpeg', '--show-mtl-sigmas']) == 0
    assert pictures(logs / 'curves') == {'b-losses.jpeg', 'b-training.jpeg', 'b-sigmas.jpeg'}


@pytest.fixture
def asked(monkeypatch):
    """What the command asks the figures for, without drawing them."""
    calls = {}

    def figure(name, result=None):
        monkeypatch.setattr(
            curves, f'{name}_figure', lambda runs, **shown: calls.update({name: (runs, shown)}) or result
        )

    for name in ('loss', 'training', 'evaluation', 'sigma'):
        figure(name)
    return calls


def test_options_reach_the_figures(logs, asked):
    assert main(['a.log', 'b.log']) == 0
    runs, shown = asked['loss']
    assert [run.label for run in runs] == ['a', 'b']
    assert shown == {'first_epoch': 1e-6, 'share_y': True, 'window': False}
    assert list(runs[0].evaluations) == ['cocokp']
    assert 'sigma' not in asked
    options = ['--label', 'x', 'y', '--first-epoch=15', '--no-share-y', '--eval-suffix=.eval-x.stats.json']
    assert main(['a.log', 'b.log', *options]) == 0
    runs, shown = asked['loss']
    assert [run.label for run in runs] == ['x', 'y']
    assert shown == {'first_epoch': 15.0, 'share_y': False, 'window': False}
    assert runs[0].evaluations == {}
    assert asked['training'][1]['first_epoch'] == 15.0


@pytest.mark.parametrize(
    ('argv', 'code', 'problem'),
    [
        (['absent.log'], 1, 'absent.log'),
        (['a.log', '--label', 'x', 'y'], 2, '2 --label for 1 logs. Give one for each'),
        (['a.log', '--show'], 1, '--show needs a display'),
    ],
)
def test_problems_are_one_line(logs, capsys, argv, code, problem):
    assert main(argv) == code
    error = capsys.readouterr().err
    assert problem in error and error.count('\n') == 1

import json

import pytest

from pifpaf_core.training.retention import Keep, Retention, checkpoint_path


@pytest.fixture
def output(tmp_path):
    return tmp_path / 'run[1]'  # a name that patterns would stumble over


def trained(retention, losses, first=1):
    """Write one checkpoint an epoch and validate it; the epochs that are left."""
    for epoch, loss in enumerate(losses, start=first):
        checkpoint_path(retention.output, epoch).write_text(f'weights {epoch}')
        retention.validated(epoch, loss)
    return left(retention.output)


def left(output):
    return sorted(
        int(path.name.split('.epoch')[1][:3])
        for path in output.parent.iterdir()
        if path.name.endswith('.safetensors') and '.epoch' in path.name
    )


def best(output):
    return output.with_name(f'{output.name}.best.safetensors').read_text()


def evaluate(output, epoch, precision, dataset='cocokp'):
    path = checkpoint_path(output, epoch)
    stats = {'text_labels': ['AP', 'AR'], 'stats': [precision, 0.0]}
    path.with_name(f'{path.name}.eval-{dataset}.stats.json').write_text(json.dumps(stats))


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('last:3,best:2,every:10', Keep(3, 2, 10)),
        ('every:5', Keep(1, 0, 5)),
        (' best:1 , last:2', Keep(2, 1, 0)),
    ],
)
def test_rules(text, expected):
    assert Keep.parse(text) == expected


@pytest.mark.parametrize(
    'text', ['', 'last', 'last:', 'last:x', 'last:0', 'last:-1', 'first:2', 'last:1,last:2', 'best:1.5']
)
def test_what_is_no_rule(text):
    with pytest.raises(ValueError, match=r'--keep-checkpoints=.* Give e\.g\. last:3,best:2,every:10'):
        Keep.parse(text)


@pytest.mark.parametrize(
    ('rule', 'expected'),
    [
        (None, [1, 2, 3, 4, 5, 6, 7]),
        ('last:1', [7]),
        ('last:3', [5, 6, 7]),
        ('best:2', [2, 3, 7]),
        ('every:3', [3, 6, 7]),
        ('last:2,best:1,every:4', [2, 4, 6, 7]),
    ],
)
def test_what_stays(output, rule, expected):
    retention = Retention(output, Keep.parse(rule) if rule else None)
    assert trained(retention, [5.0, 1.0, 2.0, 4.0, 3.0, 6.0, 7.0]) == expected


def test_the_start_is_not_kept_for_its_number(output):
    checkpoint_path(output, 0).write_text('start')
    assert trained(Retention(output, Keep.parse('every:5')), [1.0]) == [1]


def test_the_best_has_a_second_name_that_outlives_it(output):
    retention = Retention(output, Keep.parse('last:1'))
    trained(retention, [3.0, 1.0])
    assert best(output) == 'weights 2'
    assert trained(retention, [2.0, 3.0], first=3) == [4]
    assert best(output) == 'weights 2'
    resumed = Retention(output, Keep.parse('last:1'))
    resumed.load_state_dict(retention.state_dict())
    trained(resumed, [4.0], first=5)
    assert best(output) == 'weights 2'
    trained(resumed, [0.5], first=6)
    assert best(output) == 'weights 6'


def test_a_checkpoint_that_could_not_be_written_is_nothing_to_mark(output):
    retention = Retention(output)
    retention.validated(1, 1.0)
    assert retention.best is None and list(output.parent.iterdir()) == []
    trained(retention, [2.0], first=2)
    assert best(output) == 'weights 2'


def test_a_checkpoint_without_a_finite_loss_is_not_the_best(output):
    retention = Retention(output, Keep.parse('last:1'))
    assert trained(retention, [1.0, None]) == [2]
    assert best(output) == 'weights 1'
    evaluate(output, 2, 0.1)
    trained(retention, [None], first=3)
    assert best(output) == 'weights 2'


def test_evaluations_win_over_losses(output):
    retention = Retention(output, Keep.parse('best:2'))
    trained(retention, [1.0, 2.0, 3.0])
    for epoch, precision in ((1, 0.2), (2, 0.4), (3, 0.3)):
        evaluate(output, epoch, precision)
    assert trained(retention, [0.5], first=4) == [2, 3, 4]
    assert best(output) == 'weights 2'


def test_damaged_and_foreign_evaluations_are_passed_over(output):
    retention = Retention(output)
    for epoch, text in ((1, '{"sta'), (2, '{"text_labels": ["mAP"], "stats": [0.9]}')):
        trained(retention, [float(epoch)], first=epoch)
        path = checkpoint_path(output, epoch)
        path.with_name(f'{path.name}.eval-x.stats.json').write_text(text)
    trained(retention, [3.0], first=3)
    assert best(output) == 'weights 1'


def test_files_of_other_trainings_stay(output):
    other = output.with_name('run[1]2.epoch001.safetensors')
    other.write_text('other')
    trained(Retention(output, Keep.parse('last:1')), [1.0, 2.0, 3.0])
    assert other.exists()


def test_without_hard_links_the_best_is_copied(output, monkeypatch):
    def refuse(*args):
        raise OSError('no hard links here')

    monkeypatch.setattr('os.link', refuse)
    trained(Retention(output), [2.0, 1.0])
    assert best(output) == 'weights 2'

import pytest

from pifpaf_core import checkpoint_files
from pifpaf_core.checkpoint_files import epoch_of, find, matching, resolved, watch, without_pkl


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """Two trainings of ours with what else lies beside checkpoints, and one of OpenPifPaf's."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'outputs'
    folder.mkdir()
    for run in ('shufflenetv2k16-201023-163830-cocokp', 'shufflenetv2k30-201024-101010-cocokp'):
        for epoch in (0, 1, 4, 5, 10):
            (folder / f'{run}.epoch{epoch:03d}.safetensors').touch()
        for suffix in ('.log', '.state.pt', '.epoch005.safetensors.eval-cocokp.stats.json', '-1de9503b.safetensors'):
            (folder / f'{run}{suffix}').touch()
    (folder / '.shufflenetv2k16-201023-163830-cocokp.epoch015.safetensors.x.part').touch()
    (folder / 'resnet50-201023-000000-cocokp.pkl.epoch005').touch()
    return folder


@pytest.mark.parametrize(
    ('name', 'plain'),
    [
        ('a.pkl.epoch005', 'a.epoch005'),
        ('a.pkl', 'a'),
        ('a*.pkl.epoch??[0,5]', 'a*.epoch??[0,5]'),
        ('a.pkled', 'a.pkled'),
        ('a.safetensors', 'a.safetensors'),
    ],
)
def test_without_pkl(name, plain):
    assert without_pkl(name) == plain


@pytest.mark.parametrize(
    ('name', 'epoch'),
    [('a.epoch005.safetensors', 5), ('a.pkl.epoch120', 120), ('a-1de9503b.safetensors', None), ('a.epoch1.log', None)],
)
def test_epoch_of(name, epoch):
    assert epoch_of(name) == epoch


def names(paths):
    return [str(path).removeprefix('outputs/') for path in paths]


@pytest.mark.parametrize(
    ('pattern', 'expected'),
    [
        (
            'outputs/shufflenetv2k??-*-cocokp*.pkl.epoch??[0,5]',
            [
                f'shufflenetv2k{run}-cocokp.epoch{epoch:03d}.safetensors'
                for run in ('16-201023-163830', '30-201024-101010')
                for epoch in (0, 5, 10)
            ],
        ),
        (
            'outputs/shufflenetv2k16-201023-163830-cocokp.pkl.epoch??[0,5]',
            [f'shufflenetv2k16-201023-163830-cocokp.epoch{epoch:03d}.safetensors' for epoch in (0, 5, 10)],
        ),
        ('outputs/shufflenetv2k16*.epoch*.safetensors', [
            f'shufflenetv2k16-201023-163830-cocokp.epoch{epoch:03d}.safetensors' for epoch in (0, 1, 4, 5, 10)
        ]),
        ('outputs/resnet50-*.pkl.epoch??[0,5]', ['resnet50-201023-000000-cocokp.pkl.epoch005']),
        ('outputs/nothing*', []),
    ],
)  # fmt: skip
def test_patterns(outputs, pattern, expected):
    assert names(matching(pattern)) == expected


def test_a_name_means_the_file_that_is_there(outputs):
    run = 'outputs/shufflenetv2k16-201023-163830-cocokp'
    for name in (f'{run}.epoch005.safetensors', f'{run}.epoch005', f'{run}.pkl.epoch005'):
        assert resolved(name) == f'{run}.epoch005.safetensors'
    assert resolved(f'{run}-1de9503b.pkl') == f'{run}-1de9503b.safetensors'
    theirs = 'outputs/resnet50-201023-000000-cocokp.pkl.epoch005'
    assert resolved(theirs) == theirs
    assert resolved('shufflenetv2k30') == 'shufflenetv2k30'


def test_find_lists_each_once(outputs):
    pattern = 'outputs/shufflenetv2k16-*.epoch005'
    found = find([pattern, 'shufflenetv2k30', pattern])
    assert names(found) == ['shufflenetv2k16-201023-163830-cocokp.epoch005.safetensors', 'shufflenetv2k30']


def test_a_pattern_without_matches_is_an_error(outputs):
    with pytest.raises(ValueError, match=r"no checkpoint matches 'outputs/x\*'. Correct the pattern"):
        find(['outputs/shufflenetv2k16-*.epoch005', 'outputs/x*'])


def test_watch_yields_each_new_file_once_and_ends_at_the_epoch(outputs):
    run = 'outputs/shufflenetv2k16-201023-163830-cocokp'
    looks = []

    def train_on(seconds):
        looks.append(seconds)
        assert len(looks) < 10
        (outputs.parent / f'{run}.epoch{10 + len(looks):03d}.safetensors').touch()

    found = list(watch([f'{run}.pkl.epoch??[0,5]'], seconds=7.0, until=16, sleep=train_on))
    assert [epoch_of(path) for path in found] == [0, 5, 10, 15]
    assert looks == [7.0] * 6


def test_watch_waits_for_every_training(outputs):
    slow = outputs / 'shufflenetv2k30-201024-101010-cocokp.epoch012.safetensors'
    (outputs / 'shufflenetv2k16-201023-163830-cocokp.epoch012.safetensors').touch()
    looks = []

    def finish_the_other(seconds):
        looks.append(seconds)
        slow.touch()

    list(watch(['outputs/shufflenetv2k*.epoch??[0,5]'], seconds=1.0, until=12, sleep=finish_the_other))
    assert len(looks) == 1


def test_watch_without_end_goes_on(outputs, monkeypatch):
    class StopError(Exception):
        pass

    def stop(seconds):
        raise StopError

    watching = checkpoint_files.watch(['outputs/shufflenetv2k16*.epoch005', 'absent'], seconds=1.0, sleep=stop)
    assert epoch_of(next(watching)) == 5
    with pytest.raises(StopError):
        next(watching)

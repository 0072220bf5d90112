import json
import shutil

import pytest
import torch
from oracle import Oracle, oracle_checkpoint

from pifpaf_core import checkpoint, eval
from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKpOptions
from pifpaf_core.network import create


@pytest.fixture(scope='module')
def root(repository):
    return repository / 'examples/coco-eight'


@pytest.fixture(scope='module')
def weights(tmp_path_factory, root):
    """A checkpoint of a tiny, untrained network."""
    torch.manual_seed(0)
    (module,) = selection.build('cocokp')
    path = tmp_path_factory.mktemp('weights') / 'tiny.safetensors'
    checkpoint.save(path, create('tiny', module.head_metas), epoch=5, basenet='tiny')
    return path


@pytest.fixture
def outputs(tmp_path, monkeypatch, weights):
    """Checkpoints of three epochs, in the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'outputs').mkdir()
    for epoch in (0, 1, 5):
        shutil.copyfile(weights, tmp_path / f'outputs/tiny-cocokp.epoch{epoch:03d}.safetensors')
    return tmp_path / 'outputs'


@pytest.fixture
def run(root):
    """Run the command on the eight photographs, small."""

    def run(*argv):
        data = [f'--cocokp-val-annotations={root}/annotations/person_keypoints_val2017.json',
                f'--cocokp-val-image-dir={root}/images/val2017', '--dataset=cocokp', '--loader-workers=0']  # fmt: skip
        return eval.main([*data, *(['--long-edge=65'] if '--long-edge' not in ' '.join(argv) else []), *argv])

    return run


@pytest.fixture
def make_oracle(monkeypatch, root):
    """Makes every checkpoint an oracle for the eight photographs at 257 pixels, padded tightly, varied by options."""

    def make(**variation):
        options = CocoKpOptions(
            val_annotations=str(root / 'annotations/person_keypoints_val2017.json'),
            val_image_dir=str(root / 'images/val2017'),
            upsample=2,
            **variation,
        )
        (module,) = selection.build('cocokp', options={'cocokp': options})
        samples = module.eval_samples(module.eval_preprocess(long_edge=257))
        known = Oracle(module.head_metas, (samples[i] for i in range(len(samples))))
        monkeypatch.setattr(checkpoint, 'load', lambda path, *, progress: oracle_checkpoint(known))
        return known

    return make


@pytest.fixture
def oracle(make_oracle):
    """Every checkpoint is an oracle for the eight photographs at 257 pixels, padded tightly."""
    return make_oracle()


def results(folder, pattern='*.stats.json'):
    return sorted(path.name for path in folder.glob(pattern))


def test_one_checkpoint(outputs, run, capsys):
    assert run('--checkpoint=outputs/tiny-cocokp.pkl.epoch005') == 0
    name = 'tiny-cocokp.epoch005.safetensors'
    assert results(outputs, '*eval*') == [f'{name}.eval-cocokp.stats.json']
    stats = json.loads((outputs / f'{name}.eval-cocokp.stats.json').read_text())
    assert stats['n_images'] == 8
    assert stats['file_size'] == (outputs / name).stat().st_size
    assert stats['count_ops'][1] > 0
    assert stats['args']['long_edge'] == 65
    line, numbers = capsys.readouterr().out.splitlines()
    assert line.startswith('epoch 005  AP ') and 'images/s' in line and name in line
    assert numbers.split()[::2] == ['AP', 'AP0.5', 'AP0.75', 'APM', 'APL', 'AR', 'AR0.5', 'AR0.75', 'ARM', 'ARL']


def test_the_line_says_how_good_it_is(outputs, run, oracle, capsys):
    assert run('--checkpoint=outputs/tiny-cocokp.epoch005', '--long-edge=257', '--force-complete-pose') == 0
    words = capsys.readouterr().out.split()
    assert words[:3] == ['epoch', '007', 'AP']
    assert float(words[3]) > 0.95
    assert words[4:6] == ['AP50', '1.000']


def test_patterns_skip_epoch_0_and_what_is_there(outputs, run):
    pattern = 'outputs/tiny-*-cocokp*.pkl.epoch??[0,5]'.replace('-*-', '-')
    assert run('--checkpoint', pattern) == 0
    assert results(outputs) == ['tiny-cocokp.epoch005.safetensors.eval-cocokp.stats.json']
    first = (outputs / results(outputs)[0]).read_text()
    assert run('--checkpoint', pattern, '--eval-no-skip-epoch0') == 0
    assert len(results(outputs)) == 2
    assert (outputs / results(outputs)[1]).read_text() == first
    assert run('--checkpoint', pattern, '--eval-no-skip-existing') == 0
    assert (outputs / results(outputs)[1]).read_text() != first


def test_several_names(outputs, run):
    assert run('--checkpoint', 'outputs/tiny-cocokp.epoch001', 'outputs/tiny-cocokp.epoch005', '--eval-n-images=1') == 0
    assert len(results(outputs)) == 2


def test_fewer_images(outputs, run):
    assert run('--checkpoint=outputs/tiny-cocokp.epoch005', '--eval-n-images=3') == 0
    assert json.loads((outputs / results(outputs)[0]).read_text())['n_images'] == 3


@pytest.mark.parametrize('flag', ['--write-predictions', '--eval-write-predictions'])
def test_predictions(outputs, run, oracle, flag):
    assert run('--checkpoint=outputs/tiny-cocokp.epoch005', '--long-edge=257', flag, '--output=results/mine.pkl') == 0
    assert results(outputs.parent / 'results', '*') == ['mine.predictions.json', 'mine.stats.json', 'mine.zip']
    predictions = json.loads((outputs.parent / 'results/mine.predictions.json').read_text())
    assert {record['image_id'] for record in predictions} >= {785, 9483}
    assert len(predictions) == 12


@pytest.mark.parametrize('padding', ['--padding=square', '--eval-padding=square'])
def test_padding(outputs, run, oracle, capsys, padding):
    """The oracle has only seen tightly padded images."""
    options = '--checkpoint=outputs/tiny-cocokp.epoch005', '--long-edge=257', '--eval-no-skip-existing'
    assert run(*options, padding) == 0
    assert 'AP 0.000  AP50' in capsys.readouterr().out
    assert run(*options, '--padding=tight') == 0
    assert 'AP 0.000  AP50' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ('variation', 'flags'),
    [
        ({'eval_extended_scale': True}, ['--coco-eval-extended-scale']),
        ({'eval_orientation_invariant': 1.0}, ['--coco-eval-orientation-invariant=1.0']),
    ],
)
def test_images_at_half_the_size_and_turned(outputs, run, make_oracle, variation, flags):
    """What is found in such images comes back to where it is in the photographs."""
    make_oracle(**variation)
    precision = {}
    for given in (flags, []):
        options = '--checkpoint=outputs/tiny-cocokp.epoch005', '--long-edge=257', '--force-complete-pose'
        assert run(*options, '--eval-no-skip-existing', *given) == 0
        precision[bool(given)] = json.loads((outputs / results(outputs)[0]).read_text())['stats'][0]
    assert precision[True] > 0.8 and precision[True] > precision[False] + 0.3


def test_precise_rescaling_undoes_what_the_training_did(outputs, weights, run, monkeypatch):
    seen = []
    monkeypatch.setattr(eval, 'evaluate', lambda predictor, *args, **kwargs: seen.append(predictor.preprocess) or 1 / 0)
    area = checkpoint.load(weights)
    area.metadata['training'] = {'resample': 'area'}
    monkeypatch.setattr(checkpoint, 'load', lambda path, *, progress: area)
    for options in ([], ['--precise-rescaling'], ['--resample=linear'], ['--resample=area']):
        run('--checkpoint=outputs/tiny-cocokp.epoch005', *options)
    assert [preprocess.resample for preprocess in seen] == ['area', 'linear', 'linear', 'area']
    assert {preprocess.long_edge for preprocess in seen} == {65}


def test_watch_until(outputs, run, weights, monkeypatch):
    """New checkpoints are evaluated as they come, until the last epoch was written."""
    waits = []

    def train_on(seconds):
        waits.append(seconds)
        shutil.copyfile(weights, outputs / f'tiny-cocokp.epoch{5 + 5 * len(waits):03d}.safetensors')

    monkeypatch.setattr('time.sleep', train_on)
    watch = '--watch=3', '--watch-until=15', '--eval-n-images=1'
    assert run('--checkpoint', 'outputs/tiny-cocokp.pkl.epoch??[0,5]', *watch) == 0
    assert [name.split('.')[1] for name in results(outputs)] == ['epoch005', 'epoch010', 'epoch015']
    assert waits == [3.0, 3.0]


def test_one_damaged_checkpoint_of_many(outputs, run, capsys):
    (outputs / 'tiny-cocokp.epoch001.safetensors').write_bytes(b'damaged')
    assert run('--checkpoint', 'outputs/tiny-cocokp.epoch*', '--eval-n-images=1') == 1
    assert results(outputs) == ['tiny-cocokp.epoch005.safetensors.eval-cocokp.stats.json']
    assert 'epoch001.safetensors: checkpoint' in capsys.readouterr().err


def test_pictures(outputs, run, oracle):
    assert run(
        '--checkpoint=outputs/tiny-cocokp.epoch005', '--long-edge=257', '--eval-n-images=1', '--debug-indices', 'cif:5',
        'caf:5', '--debug-images', '--save-all', 'plots', '--eval-show-final-image', '--eval-show-final-ground-truth',
    ) == 0  # fmt: skip
    names = results(outputs.parent / 'plots', '*')
    kinds = {name.removeprefix('000000000785.').removesuffix('.jpeg') for name in names}
    assert kinds == {
        'input', 'seeds', 'predictions', 'ground_truth', 'cif.05-left_shoulder.confidence',
        'cif.05-left_shoulder.regression', 'cif.05-left_shoulder.hr', 'caf.05-left_shoulder-left_hip.confidence',
        'caf.05-left_shoulder-left_hip.regression', 'caf.05-left_shoulder-left_hip.associations',
    }  # fmt: skip


@pytest.mark.parametrize(
    ('argv', 'code', 'problem'),
    [
        ([], 2, 'no checkpoint is given. Add --checkpoint'),
        (['--checkpoint=outputs/absent*'], 1, "no checkpoint matches 'outputs/absent*'"),
        (['--checkpoint=outputs/absent.epoch001'], 1, 'outputs/absent.epoch001'),
        (['--checkpoint=a', '--watch-until=5'], 2, 'Add --watch'),
        (['--checkpoint=a', '--watch', '--output=x'], 2, 'End it with / for a folder'),
        (['--checkpoint=outputs/tiny*', '--output=x'], 2, 'there are 3 checkpoints'),
        (['--checkpoint=a', '--debug-images'], 2, 'Add --save-all or --show'),
        (['--checkpoint=a', '--save-all'], 2, '--save-all and --show have nothing to show'),
        (['--checkpoint=a', '--output='], 2, '--output names no file'),
        (['--checkpoint=a', '--eval-show-final-image'], 2, 'Add --save-all or --show'),
        (['--checkpoint=a', '--eval-n-images=0'], 2, '--eval-n-images is 0'),
        (['--checkpoint=a', '--long-edge=1'], 2, '--long-edge is 1'),
        (['--checkpoint=outputs/tiny-cocokp.epoch005', '--debug-indices', 'pif:5', '--save-all'], 1, "no head 'pif'"),
        (['--checkpoint=outputs/tiny-cocokp.epoch005', '--decoder=cifdet:0'], 1, 'cifdet'),
    ],
)
def test_problems_are_one_line(outputs, run, capsys, argv, code, problem):
    assert run(*argv) == code
    error = capsys.readouterr().err
    assert problem in error
    assert error.startswith('pifpaf eval: ') and error.count('\n') == 1
    assert results(outputs, '*eval*') == []

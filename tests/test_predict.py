import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from oracle import Oracle, oracle_checkpoint

from pifpaf_core import checkpoint, predict
from pifpaf_core.datasets import selection
from pifpaf_core.datasets.cocokp import CocoKpOptions
from pifpaf_core.metrics.oks import match
from pifpaf_core.skeletons.cocokp import COCO_PERSON

NAMES = ['000000000165.jpg', '000000000459.jpg', '000000000693.jpg', '000000000785.jpg', '000000009483.jpg',
         '000000234748.jpg', '000000252219.jpg', '000000442450.jpg']  # fmt: skip


@pytest.fixture(scope='module')
def known(repository):
    """An oracle for the eight photographs at 257 pixels."""
    root = repository / 'examples/coco-eight'
    options = CocoKpOptions(
        val_annotations=str(root / 'annotations/person_keypoints_val2017.json'),
        val_image_dir=str(root / 'images/val2017'),
        upsample=2,
    )
    (module,) = selection.build('cocokp', options={'cocokp': options})
    samples = module.eval_samples(module.eval_preprocess(long_edge=257))
    return Oracle(module.head_metas, (samples[i] for i in range(len(samples))))


@pytest.fixture
def photos(repository, tmp_path, monkeypatch):
    """The eight photographs in a folder, where the command runs."""
    shutil.copytree(repository / 'examples/coco-eight/images/val2017', tmp_path / 'photos')
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'photos'


@pytest.fixture
def run(known, monkeypatch):
    """Run the command with the oracle as its checkpoint."""
    asked = []
    monkeypatch.setattr(checkpoint, 'load', lambda path, *, progress: asked.append(path) or oracle_checkpoint(known))

    def run(*argv):
        return predict.main(['--checkpoint=oracle', '--long-edge=257', *argv])

    run.asked = asked
    return run


def made(folder):
    return sorted(path.name for path in folder.iterdir() if path.name not in NAMES)


def test_beside_each_image(photos, run):
    assert run('photos/000000252219.jpg', 'photos/000000000785.jpg', '--json-output', '--image-output') == 0
    assert made(photos) == [
        '000000000785.jpg.predictions.jpeg',
        '000000000785.jpg.predictions.json',
        '000000252219.jpg.predictions.jpeg',
        '000000252219.jpg.predictions.json',
    ]
    people = json.loads((photos / '000000252219.jpg.predictions.json').read_text())
    assert len(people) == 3
    assert set(people[0]) == {'keypoints', 'bbox', 'score', 'category_id'}
    original = cv2.imread(str(photos / '000000252219.jpg'))
    picture = cv2.imread(str(photos / '000000252219.jpg.predictions.jpeg'))
    assert picture.shape == original.shape
    changed = np.abs(picture.astype(int) - original).max(-1) > 60
    assert 0.005 < changed.mean() < 0.2


def test_each_person_has_one_pose(photos, run, repository):
    """The demo's check, on predictions as good as they can be."""
    assert (
        run('photos', '--json-output=out/', '--force-complete-pose', '--instance-threshold=0.2', '--batch-size=4') == 0
    )
    truth = json.loads((repository / 'examples/coco-eight/annotations/person_keypoints_val2017.json').read_text())
    for image in truth['images']:
        people = [a for a in truth['annotations'] if a['image_id'] == image['id']]
        poses = json.loads(Path(f'out/{image["file_name"]}.predictions.json').read_text())
        matching = match(
            np.reshape([p['keypoints'] for p in poses], (-1, 17, 3)),
            np.reshape([a['keypoints'] for a in people], (-1, 17, 3)),
            np.array([a['area'] for a in people]),
            sigmas=COCO_PERSON.sigmas,
        )
        assert matching.one_to_one, image['file_name']


def test_into_folders(photos, run, tmp_path):
    (tmp_path / 'existing').mkdir()
    assert run('photos/000000000785.jpg', '--json-output=new/', '-o', 'existing', '--show-file-extension=png') == 0
    assert made(tmp_path / 'new') == ['000000000785.jpg.predictions.json']
    assert made(tmp_path / 'existing') == ['000000000785.jpg.predictions.png']


def test_into_files(photos, run, tmp_path):
    assert run('photos/000000000785.jpg', '--json-output=a/x.json', '--image-output', 'all-images/overfitted.png') == 0
    assert made(tmp_path / 'a') == ['x.json']
    assert made(tmp_path / 'all-images') == ['overfitted.png']


@pytest.mark.parametrize(
    ('argv', 'stdin', 'expected'),
    [
        (['photos'], '', NAMES),
        (['--glob=photos/00000000*.jpg'], '', NAMES[:5]),
        (['-'], 'photos/000000252219.jpg\n\nphotos/000000000785.jpg\n', [NAMES[6], NAMES[3]]),
        (['photos/000000000785.jpg', '--glob', 'photos/*785.jpg', 'photos'], '', [NAMES[3], *NAMES[:3], *NAMES[4:]]),
    ],
)
def test_which_images(photos, monkeypatch, argv, stdin, expected):
    monkeypatch.setattr('sys.stdin', io.StringIO(stdin))
    names, pattern = [a for a in argv if not a.startswith('--') and '*' not in a], None
    if '--' in ' '.join(argv):
        pattern = next(a for a in argv if '*' in a).removeprefix('--glob=')
    assert [Path(path).name for path in predict.image_paths(names, pattern)] == expected


def test_other_files_of_a_folder_are_no_images(photos, run):
    (photos / 'notes.txt').touch()
    assert len(list(predict.image_paths(['photos'], None))) == 8


def test_a_damaged_image_is_reported_and_the_rest_goes_on(photos, run, capsys):
    damaged = photos / '000000000459.jpg'
    damaged.write_bytes(damaged.read_bytes()[:3000])
    assert run('photos', 'absent.jpg', '--json-output') == 1
    assert len(made(photos)) == 7
    error = capsys.readouterr().err
    assert '000000000459.jpg' in error and 'absent.jpg' in error
    assert '2 of 9 images could not be used' in error


def test_the_guides_name_of_a_checkpoint(photos, run, tmp_path):
    (tmp_path / 'outputs').mkdir()
    (tmp_path / 'outputs/k16-cocokp-1de9503b.safetensors').touch()
    argv = ['--checkpoint', 'outputs/k16-cocokp-1de9503b.pkl', '--long-edge=257', 'photos/000000000785.jpg']
    assert predict.main(argv) == 0
    assert run.asked == ['outputs/k16-cocokp-1de9503b.safetensors']


@pytest.mark.parametrize(('options', 'shown'), [([], True), (['--no-download-progress'], False)])
def test_a_progress_bar_while_a_checkpoint_is_downloaded(photos, run, known, monkeypatch, options, shown):
    asked = []
    monkeypatch.setattr(
        checkpoint, 'load', lambda path, *, progress: asked.append(progress) or oracle_checkpoint(known)
    )
    assert run('photos/000000000785.jpg', *options) == 0
    assert asked == [shown]


def test_the_size_decides_what_the_network_sees(photos, run, capsys):
    assert run('photos/000000252219.jpg') == 0
    assert '000000252219.jpg: 3 found (' in capsys.readouterr().err
    assert predict.main(['--checkpoint=oracle', '--long-edge=193', 'photos/000000252219.jpg']) == 0
    assert '000000252219.jpg: 0 found' in capsys.readouterr().err


def test_padding(photos, run, capsys):
    assert run('photos/000000252219.jpg', '--padding=square') == 0
    assert '000000252219.jpg: 0 found' in capsys.readouterr().err


def test_batches(photos, run, known):
    known.batch_sizes.clear()
    assert run('photos', '--batch-size=4') == 0
    assert max(known.batch_sizes) > 1
    known.batch_sizes.clear()
    assert run('photos') == 0
    assert known.batch_sizes == [1] * 8


@pytest.mark.parametrize(
    ('options', 'resample'),
    [
        ([], 'area'),
        (['--precise-rescaling'], 'linear'),
        (['--resample=linear'], 'linear'),
        (['--resample=area'], 'area'),
    ],
)
def test_resampling(photos, known, monkeypatch, options, resample):
    seen = []

    class Predictor(predict.Predictor):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            seen.append(self.preprocess.resample)

    trained = oracle_checkpoint(known)
    trained.metadata['training'] = {'resample': 'area'}
    monkeypatch.setattr(predict, 'Predictor', Predictor)
    monkeypatch.setattr(checkpoint, 'load', lambda path, *, progress: trained)
    assert predict.main(['--checkpoint=x', 'photos/000000000785.jpg', *options]) == 0
    assert seen == [resample]


def test_the_guides_plots(photos, run, tmp_path):
    assert run(
        '--debug-indices', 'cif:5', 'caf:5', '--debug-images', '--loader-workers=0', '--save-all', '--image-output',
        'all-images/overfitted.jpeg', 'photos/000000000785.jpg',
    ) == 0  # fmt: skip
    assert 'overfitted.jpeg' in made(tmp_path / 'all-images')
    assert '000000000785.cif.05-left_shoulder.hr.jpeg' in made(tmp_path / 'all-images')
    assert len(made(tmp_path / 'all-images')) == 10


@pytest.mark.parametrize(
    ('argv', 'code', 'problem'),
    [
        ([], 2, 'no image is given'),
        (['photos', '--batch-size=0'], 2, '--batch-size is 0'),
        (['photos', '--loader-workers=-1'], 2, '--loader-workers is -1'),
        (['photos', '--debug-images'], 2, 'Add --save-all or --show'),
        (['photos', '--json-output=x.json'], 2, '--json-output: the output for'),
        (['photos/000000000785.jpg', '-o', 'photos/000000000785.jpg'], 2, 'would overwrite'),
        (['--glob=absent/*'], 1, "--glob='absent/*' matches no file"),
        (['empty'], 1, "folder 'empty' holds no image"),
        (['photos', '--debug-indices', 'cif:99', '--save-all'], 1, "no field '99'"),
    ],
)
def test_problems_are_one_line(photos, run, capsys, argv, code, problem):
    Path('empty').mkdir()
    assert run(*argv) == code
    error = capsys.readouterr().err
    assert problem in error
    assert error.startswith('pifpaf predict: ') and error.count('\n') == 1
    assert made(photos) == []


def test_no_checkpoint(photos, capsys):
    assert predict.main(['photos']) == 2
    assert 'no checkpoint is given' in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_one_line(photos, run, capsys):
    Path('file').touch()
    assert run('photos/000000000785.jpg', '--json-output=file/x.json') == 1
    assert 'file' in capsys.readouterr().err.splitlines()[-1]

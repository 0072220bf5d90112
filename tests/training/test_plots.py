"""Looking at what a training sees, by its command: it shows what is there and changes nothing."""

import json
import shutil

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch

from pifpaf_core import train

NAMES = ['000000000785', '000000009483']


@pytest.fixture
def run(tmp_path, monkeypatch, repository):
    """Train with the first two of the eight photographs in the folder ``images``; the others are missing."""
    monkeypatch.chdir(tmp_path)
    root = repository / 'examples/coco-eight'
    annotations = root / 'annotations/person_keypoints_val2017.json'
    (tmp_path / 'images').mkdir()
    for name in NAMES:
        shutil.copyfile(root / f'images/val2017/{name}.jpg', tmp_path / f'images/{name}.jpg')
    assert [i['file_name'] for i in json.loads(annotations.read_text())['images'][:2]] == [f'{n}.jpg' for n in NAMES]

    def run(*argv, output='out/a', images='images', batches=2, dataset=('--dataset=cocokp',), epochs=('--epochs=1',)):
        files = [f'--cocokp-{split}-{kind}' for split in ('train', 'val')
                 for kind in (f'annotations={annotations}', f'image-dir={images}')]  # fmt: skip
        return train.main([
            *dataset, '--basenet=tiny', '--square-edge=65', '--batch-size=1', '--loader-workers=0', *files,
            '--disable-cuda', *epochs, f'--train-batches={batches}', '--val-batches=1', f'--output={output}',
            *argv,
        ])  # fmt: skip

    return run


def test_the_first_images_are_enough(run, tmp_path):
    debug = '--debug-indices', 'cif:5', 'caf:5', '--debug-images', '--save-all', '--show-file-extension=png'
    assert run(*debug, '--cocokp-rescale-images=0.15') == 0  # so that whole people are in the small crop
    kinds = [
        'caf.05-left_shoulder-left_hip.associations', 'caf.05-left_shoulder-left_hip.confidence',
        'caf.05-left_shoulder-left_hip.regression', 'cif.05-left_shoulder.confidence', 'cif.05-left_shoulder.hr',
        'cif.05-left_shoulder.regression', 'ground_truth', 'input', 'predictions', 'seeds',
        'target.caf.05-left_shoulder-left_hip.confidence', 'target.caf.05-left_shoulder-left_hip.regression',
        'target.cif.05-left_shoulder.confidence', 'target.cif.05-left_shoulder.regression',
    ]  # fmt: skip
    expected = [f'{name}.epoch001.{kind}.png' for name in NAMES for kind in kinds]
    assert sorted(path.name for path in (tmp_path / 'all-images').iterdir()) == expected
    ground_truth, seen = (cv2.imread(f'all-images/{NAMES[0]}.epoch001.{k}.png') for k in ('ground_truth', 'input'))
    assert seen.shape == (65, 65, 3)
    assert 0.005 < (np.abs(ground_truth.astype(int) - seen).max(-1) > 40).mean() < 0.5


def test_boxes_and_poses_of_two_data_sets(run, tmp_path, repository):
    """Each image shows the heads of its data set, and a detector has no seeds."""
    root = repository / 'examples/coco-eight'
    values = f'annotations={root}/annotations/person_keypoints_val2017.json', f'image-dir={root}/images/val2017'
    files = [f'--cocodet-{split}-{value}' for split in ('train', 'val') for value in values]
    plots = '--debug-images', '--debug-indices', 'cifdet:person:confidence', '--save-all'
    assert run('--dataset=cocokp-cocodet', *files, *plots, dataset=(), images=root / 'images/val2017') == 0
    kinds = {'cocokp': set(), 'cocodet': set()}
    for path in (tmp_path / 'all-images').iterdir():
        dataset, _, kind = path.stem.removeprefix(f'{NAMES[0]}.epoch001.').partition('.')
        kinds[dataset].add(kind)
    both = {'input', 'ground_truth', 'predictions'}
    fields = {'cifdet.00-person.confidence', 'target.cifdet.00-person.confidence'}
    assert kinds == {'cocokp': both | {'seeds'}, 'cocodet': both | fields}


def test_plots_can_be_switched_on_in_a_training_that_runs(run, tmp_path, capsys, repository):
    images = repository / 'examples/coco-eight/images/val2017'
    assert run(images=images) == 0
    more = '--epochs=2', '--resume', '--resume-override', 'epochs'
    plots = '--debug-images', '--debug-indices', 'cif:0', '--save-all=plots', '--show-box', '--image-dpi-factor=0.1'
    assert run(*more, *plots, epochs=(), images=images) == 0
    assert {path.name.split('.')[1] for path in (tmp_path / 'plots').iterdir()} == {'epoch002'}
    assert '--debug-images' not in capsys.readouterr().err  # no option that is refused, none that has changed


def test_without_plots_all_images_have_to_be_there(run, capsys):
    assert run() == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("pifpaf train: 'images/") and 'one of 6 missing of the 8 images' in error


def test_looking_further_than_the_images_go_ends_with_a_line(run, capsys):
    assert run('--debug-images', '--save-all', batches=3) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('pifpaf train: ') and 'is missing. Fetch it again, or leave it out' in error


def test_looking_changes_nothing(run, tmp_path, repository):
    """To the last bit, where data is not shuffled anyway."""
    images = repository / 'examples/coco-eight/images/val2017'
    same = '--cocokp-no-augmentation', '--lr=1', '--cf4-dropout=0.1', '--ema=0'
    assert run(*same, images=images, output='out/unseen') == 0
    plots = '--debug-indices', 'cif:0:confidence', '--debug-images', '--save-all=plots'
    assert run(*same, *plots, images=images, output='out/seen') == 0
    assert len(list((tmp_path / 'plots').iterdir())) == 2 * 6
    first, second = (safetensors.torch.load_file(f'out/{name}.epoch001.safetensors') for name in ('unseen', 'seen'))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        (['--debug-images'], 'Add --save-all or --show'),
        (['--save-all', '--debug-indices', 'pif:5'], "there is no head 'pif'. Known: cif, caf"),
        (['--save-all', '--debug-indices', 'cif:17'], "head 'cif' has no field '17'"),
    ],
)
def test_plots_that_cannot_be_made(run, capsys, argv, said):
    assert run(*argv) in (1, 2)
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('pifpaf train: ') and said in error

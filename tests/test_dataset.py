import json
import shutil

import pytest
import yaml
from instances import keypoint_folder

from pifpaf_core import dataset
from pifpaf_core.skeletons import skeleton_from_tables
from pifpaf_core.skeletons.cocokp import COCO_PERSON


@pytest.fixture
def swapped(tmp_path):
    """People seen from behind whose faces are visible."""
    return keypoint_folder(tmp_path, COCO_PERSON)


def test_photographs_are_sound(repository, capsys):
    assert dataset.main(['check', str(repository / 'examples/coco-eight')]) == 0
    out = capsys.readouterr().out
    assert 'person_keypoints_val2017.json: 8 images, 12 instances' in out and 'PROBLEM' not in out


def test_problems_and_contact_sheet(swapped, tmp_path, capsys):
    sheet = tmp_path / 'sheet.jpg'
    assert dataset.main(['check', str(swapped), f'--contact-sheet={sheet}', '--quiet']) == 1
    assert 'left and right swapped                  8  PROBLEM    annotation 1' in capsys.readouterr().out
    assert sheet.stat().st_size > 0


def test_several_paths_and_json(swapped, repository, capsys):
    assert dataset.main(['check', '--json', str(swapped), str(repository / 'examples/coco-eight')]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first['kinds']['left and right swapped']['count'] == 8
    assert second['kinds']['left and right swapped']['count'] == 0


def test_where_images_lie(swapped, tmp_path, capsys):
    other = tmp_path / 'elsewhere/annotations'
    other.mkdir(parents=True)
    path = shutil.copy(swapped, other)
    assert dataset.main(['check', path]) == 1
    assert 'no folder of images lies beside' in capsys.readouterr().err
    assert dataset.main(['check', path, '--image-dir=none']) == 1
    assert 'image size mismatch               not checked' in capsys.readouterr().out
    assert dataset.main(['check', path, f'--image-dir={tmp_path}']) == 1
    assert 'image missing or damaged                4  PROBLEM' in capsys.readouterr().out
    assert dataset.main(['check', path, '--image-dir=nowhere']) == 1
    assert '--image-dir nowhere is no folder' in capsys.readouterr().err


def test_skeleton_of_ones_own(tmp_path, capsys):
    gecko = skeleton_from_tables([('nose', 0.05, (0.0, 2.0)), ('tail', 0.09, (1.0, -2.0))], [(1, 2)])
    path = keypoint_folder(tmp_path, gecko)
    assert dataset.main(['check', str(path)]) == 1
    assert 'keypoints of no known skeleton          1  PROBLEM    category 1' in capsys.readouterr().out
    rows = [[k.name, k.sigma, *k.upright, k.mirror] for k in gecko.keypoints]
    file = tmp_path / 'gecko.yaml'
    file.write_text(yaml.safe_dump({'name': 'gecko', 'keypoints': rows, 'connections': [['nose', 'tail']]}))
    assert dataset.main(['check', str(path), f'--skeleton={file}']) == 0


def test_a_declared_data_set(tmp_path, capsys):
    gecko = skeleton_from_tables([('nose', 0.05, (0.0, 2.0)), ('tail', 0.09, (1.0, -2.0))], [(1, 2)])
    path = keypoint_folder(tmp_path, gecko)
    split = {'annotations': str(path), 'images': str(path.parent / 'images')}
    rows = [[k.name, k.sigma, *k.upright, k.mirror] for k in gecko.keypoints]
    content = {'name': 'gecko', 'keypoints': rows, 'connections': [['nose', 'tail']], 'train': split, 'val': split}
    file = tmp_path / 'gecko.yaml'
    file.write_text(yaml.safe_dump(content))
    assert dataset.main(['check', str(file), '--json']) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1  # train and val are the same file
    file.write_text('name: [')
    assert dataset.main(['check', str(file)]) == 1
    assert 'is no YAML' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--contact-sheet=x.gif'], 'has no image format'),
        (['--contact-sheet=x.png', '--image-dir=none'], '--contact-sheet needs images'),
        (['--workers=0'], '--workers 0 is too few'),
    ],
)
def test_usage(flags, message, capsys):
    assert dataset.main(['check', 'nothing.json', *flags]) == 2
    assert message in capsys.readouterr().err


def test_workers_change_nothing(swapped, capsys):
    outputs = []
    for workers in (1, 3):
        assert dataset.main(['check', str(swapped), f'--workers={workers}']) == 1
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_a_problem_is_explained(swapped, capsys):
    document = json.loads(swapped.read_text())
    document['annotations'][0]['keypoints'].pop()
    swapped.write_text(json.dumps(document))
    assert dataset.main(['check', str(swapped)]) == 1
    lines = capsys.readouterr().out.splitlines()
    (place,) = [i for i, line in enumerate(lines) if 'damaged record' in line]
    assert lines[place + 1].startswith('    annotation 1 has 50 keypoint values in place of 51. ')


@pytest.mark.parametrize('name', ['file/sheet.jpg', 'folder.jpg'])
def test_a_contact_sheet_that_cannot_be_written_is_refused_before_the_check(swapped, tmp_path, capsys, name):
    (tmp_path / 'file').write_text('')
    (tmp_path / 'folder.jpg').mkdir()
    assert dataset.main(['check', str(swapped), f'--contact-sheet={tmp_path / name}']) == 1
    captured = capsys.readouterr()
    assert f'{name} cannot be written' in captured.err and captured.out == ''

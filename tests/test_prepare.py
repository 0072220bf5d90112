import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from pifpaf_core import prepare

sys.path.insert(0, str(Path(__file__).parent))

from coco_folder import Folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / 'source').add('val', 4)


def run(folder, *more):
    return prepare.main([f'--source={folder.root}', f'--output={folder.root.parent / "out"}', *more])


def manifest(folder):
    return json.loads((folder.root.parent / 'out' / 'manifest.json').read_text())


def last_line(capsys):
    return capsys.readouterr().err.splitlines()[-1]


def test_overfitting_on_one_split(folder, capsys):
    assert run(folder, '--val-is-train') == 0
    found = manifest(folder)
    assert found['val_is_train'] is True and 'ARE the training images' in found['split']
    assert found['splits']['train'] == found['splits']['val']
    assert 'say nothing about other images' in capsys.readouterr().err


def test_a_share_of_the_images_validates(folder):
    assert run(folder, '--val-fraction=0.25') == 0
    found = manifest(folder)
    assert (found['splits']['train']['images'], found['splits']['val']['images']) == (3, 1)
    assert found['val_is_train'] is False and found['split'] == '0.25 of the images by id'


def test_a_source_with_both_splits(folder):
    folder.add('train', 2, first=20)
    assert run(folder) == 0
    assert manifest(folder)['split'] == 'as in the source'


def test_preparing_twice_changes_nothing(folder, capsys):
    assert run(folder, '--val-is-train') == 0
    before = {path: path.stat().st_mtime_ns for path in (folder.root.parent / 'out').rglob('*')}
    assert run(folder, '--val-is-train') == 0
    assert 'is there already' in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (folder.root.parent / 'out').rglob('*')} == before


def test_another_request_does_not_overwrite(folder, capsys):
    assert run(folder, '--val-is-train') == 0
    assert run(folder, '--val-fraction=0.5') == 1
    assert 'holds a data set from another source or other options' in last_line(capsys)
    folder.documents['person_keypoints_val2017']['annotations'].pop()
    folder.save()
    assert run(folder, '--val-is-train') == 1


def annotate(folder, **changes):
    folder.documents['person_keypoints_val2017']['annotations'][0].update(changes)
    folder.save()


DAMAGES = [
    (lambda f: f.annotations('person_keypoints_val2017').write_text('{"images": ['), 'is damaged'),
    (lambda f: f.annotations('person_keypoints_val2017').unlink(), 'has no person_keypoints_<split>.json'),
    (lambda f: f.image('val', 2).unlink(), '000000000002.jpg: the image is missing'),
    (
        lambda f: f.image('val', 2).write_bytes(f.image('val', 2).read_bytes()[:-100]),
        '000000000002.jpg: the image is truncated',
    ),
    (
        lambda f: cv2.imwrite(str(f.image('val', 2)), cv2.imread(str(f.image('val', 1)))[:-2]),
        'is 32x22 but its record says 32x24',
    ),
    (lambda f: annotate(f, keypoints=[1, 2, 2]), 'annotation 10 has 3 keypoint values in place of 51'),
    (lambda f: annotate(f, id=20), 'annotation 20 occurs twice'),
    (lambda f: annotate(f, image_id=99), 'annotation 10 belongs to the unknown image 99'),
]


@pytest.mark.parametrize(('damage', 'message'), DAMAGES)
def test_bad_input_is_one_line_and_leaves_nothing(folder, capsys, damage, message):
    damage(folder)
    before = sorted(folder.root.parent.rglob('*'))
    assert run(folder, '--val-is-train', '--quiet') == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 1 and captured.out == ''
    assert lines[0].startswith('pifpaf prepare: ') and message in lines[0] and '. ' in lines[0]
    assert sorted(folder.root.parent.rglob('*')) == before


def test_problems_in_an_archive_are_named_as_the_user_knows_them(folder, tmp_path, capsys):
    import shutil

    folder.image('val', 1).unlink()
    packed = shutil.make_archive(str(tmp_path / 'mine'), 'zip', folder.root)
    assert prepare.main([f'--source={packed}', f'--output={tmp_path / "out"}', '--val-is-train']) == 1
    assert f'{packed}/images/val2017/000000000001.jpg: the image is missing' in last_line(capsys)


def test_an_output_that_cannot_be_written(folder, capsys):
    (folder.root.parent / 'file').write_text('')
    code = prepare.main(
        [f'--source={folder.root}', f'--output={folder.root.parent / "file" / "out"}', '--val-is-train']
    )
    assert code == 1 and 'cannot be written' in last_line(capsys)


def test_a_contact_sheet_that_cannot_be_written_is_refused_first(folder, capsys):
    (folder.root / 'sheet.jpg').mkdir()
    assert run(folder, '--val-is-train', f'--contact-sheet={folder.root / "sheet.jpg"}') == 1
    assert 'sheet.jpg cannot be written' in last_line(capsys)
    assert not (folder.root.parent / 'out').exists()


def test_a_full_disk_is_that_of_the_output(folder, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, 'No space left on device', '.out.x.part/1.jpg')

    monkeypatch.setattr(prepare.output, 'write_layout', full)
    assert run(folder, '--val-is-train') == 1
    assert f'no space is left on the disk: {folder.root.parent / "out"}. Free some' in last_line(capsys)


def test_damage_comes_before_a_split_that_is_missing(folder, capsys):
    assert run(folder) == 1
    assert 'the source has only val images' in last_line(capsys)
    annotate(folder, keypoints=[1, 2, 2])
    assert run(folder) == 1
    assert 'annotation 10 has 3 keypoint values' in last_line(capsys)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'no source is given'),
        (['--source=x', '--workers=0'], '--workers 0'),
        (['--source=x', '--val-fraction=2'], '--val-fraction 2.0'),
        (['--source=x', '--val-fraction=0.5', '--val-is-train'], 'exclude each other'),
        (['--source=coco2017', '--base-address=ftp://x'], 'cannot be fetched'),
        (['--source=synthetic', '--size=640'], "--size '640'"),
        (['--source=synthetic', '--size=641x480'], "--size '641x480'"),
        (['--source=synthetic', '--n-images=0'], '--n-images 0'),
        (['--source=synthetic', '--seed=-1'], '--seed -1'),
        (['--source=x', '--contact-sheet=x.pdf'], 'has no image format'),
    ],
)
def test_usage_errors(arguments, message, capsys):
    assert prepare.main(arguments) == 2
    assert message in last_line(capsys)


def test_dry_run_touches_nothing(capsys):
    assert prepare.main(['--source=/does/not/exist', '--dry-run']) == 0
    assert json.loads(capsys.readouterr().out)['source'] == '/does/not/exist'


def test_synthetic_people(tmp_path):
    arguments = ['--source=synthetic', '--n-images=4', '--size=160x128', '--seed=7', '--workers=1']
    sheet = tmp_path / 'sheet.png'
    assert (
        prepare.main([*arguments, f'--output={tmp_path / "a"}', '--val-fraction=0.5', f'--contact-sheet={sheet}']) == 0
    )
    assert cv2.imread(str(sheet)).shape == (240, 1280, 3)
    found = json.loads((tmp_path / 'a' / 'manifest.json').read_text())
    assert found['splits']['train']['images'] == found['splits']['val']['images'] == 2
    assert found['request']['seed'] == 7 and found['request']['size'] == '160x128'


def test_synthetic_people_are_split_without_being_asked(tmp_path):
    arguments = ['--source=synthetic', '--n-images=10', '--size=64x64', '--workers=1', f'--output={tmp_path / "a"}']
    assert prepare.main(arguments) == 0
    assert json.loads((tmp_path / 'a' / 'manifest.json').read_text())['splits']['val']['images'] == 1


def test_no_torch_is_needed():
    program = (
        "import sys; import pifpaf_core.prepare; assert not {'torch', 'numba', 'tqdm', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, '-c', program], check=True)


def test_sigterm_cleans_up(tmp_path):
    arguments = [
        '--source=synthetic',
        '--n-images=100000',
        '--size=64x64',
        '--workers=1',
        f'--output={tmp_path / "out"}',
    ]
    process = subprocess.Popen([sys.executable, '-m', 'pifpaf_core.prepare', *arguments], stderr=subprocess.PIPE)
    while not list(tmp_path.rglob('000000000003.jpg')):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 3 and b'canceled' in error
    assert list(tmp_path.iterdir()) == []

import json

import pytest

from pifpaf_core import submission
from pifpaf_core.metrics.submission import write_zip

RECORD = {'image_id': 1, 'category_id': 1, 'keypoints': [1.0] * 51, 'score': 0.5}


@pytest.fixture
def zipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_zip('x.zip', [RECORD, {**RECORD, 'image_id': 3}])
    images = [{'id': i, 'file_name': f'{i}.jpg', 'width': 4, 'height': 4} for i in (1, 2, 3)]
    (tmp_path / 'info.json').write_text(json.dumps({'images': images, 'categories': []}))
    return tmp_path


def test_sound(zipped, capsys):
    assert submission.main(['check', 'x.zip']) == 0
    assert capsys.readouterr().out == 'x.zip: sound, 2 poses in 2 images\n'


def test_sound_images_of_a_list(zipped, capsys):
    assert submission.main(['check', 'x.zip', '--image-info=info.json']) == 0
    assert capsys.readouterr().out == 'x.zip: sound, 2 poses in 2 of 3 images\n'


def test_an_image_that_the_list_lacks(zipped, capsys):
    write_zip('x.zip', [RECORD, {**RECORD, 'image_id': 4}])
    assert submission.main(['check', 'x.zip', '--image-info=info.json']) == 1
    assert capsys.readouterr().err == (
        'pifpaf submission: x.zip would be refused: record 1 (image 4) is of an image that the list does not have. '
        'Write the zip again with pifpaf eval --write-predictions\n'
    )
    assert submission.main(['check', 'x.zip']) == 0


@pytest.mark.parametrize(('content', 'said'), [('{}', 'info.json'), ('{"images": [{}], "categories": []}', 'id')])
def test_a_bad_list(zipped, capsys, content, said):
    (zipped / 'info.json').write_text(content)
    assert submission.main(['check', 'x.zip', '--image-info=info.json']) == 1
    line = capsys.readouterr().err
    assert said in line and line.count('\n') == 1 and 'internal' not in line


@pytest.mark.parametrize('argv', [[], ['check'], ['send', 'x.zip']])
def test_usage(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        submission.main(argv)
    assert stop.value.code == 2
    assert capsys.readouterr().err.count('\n') == 1


def test_dry_run_touches_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert submission.main(['check', 'absent.zip', '--image-info=absent.json', '--dry-run']) == 0
    resolved = json.loads(capsys.readouterr().out)
    assert (resolved['file'], resolved['image-info']) == ('absent.zip', 'absent.json')

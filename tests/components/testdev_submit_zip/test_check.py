import json
import zipfile

import pytest

from components.testdev_submit_zip.check import check

POSE = {'image_id': 1, 'category_id': 1, 'keypoints': [0.5] * 51, 'bbox': [0.0, 0.0, 1.0, 1.0], 'score': 0.9}
BOX = {'image_id': 1, 'category_id': 18, 'bbox': [0, 0, 1, 1], 'score': 0.9}


@pytest.fixture
def make(tmp_path):
    def write(records, members=('predictions.json',)):
        path = tmp_path / 'x.zip'
        with zipfile.ZipFile(path, 'w') as archive:
            for member in members:
                archive.writestr(member, json.dumps(records))
        return path

    return write


def test_a_good_zip_is_counted(make):
    assert check(make([POSE, POSE]), [1, 2], n_keypoints=17) == 2
    assert check(make([BOX]), [1], n_keypoints=None) == 1


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        ({'image_id': 3}, 'is of no image of the list'),
        ({'category_id': 'person'}, 'has no category'),
        ({'keypoints': [0.5] * 48}, 'has not 51 numbers in keypoints'),
        ({'keypoints': None}, 'has not 51 numbers in keypoints'),
        ({'score': float('nan')}, 'holds what is no number'),
        ({'score': None}, 'holds what is no number'),
        ({'keypoints': [float('inf')] * 51}, 'holds what is no number'),
    ],
)
def test_what_the_server_would_refuse_is_not_published(make, change, problem):
    with pytest.raises(ValueError, match=f'prediction 1 {problem}'):
        check(make([POSE, {**POSE, **change}]), [1, 2], n_keypoints=17)


@pytest.mark.parametrize('records', [[], {}, 'text'])
def test_no_predictions(make, records):
    with pytest.raises(ValueError, match='holds no predictions'):
        check(make(records), [1], n_keypoints=17)


@pytest.mark.parametrize('members', [(), ('predictions.json', 'more'), ('results.json',)])
def test_other_members(make, members):
    with pytest.raises(ValueError, match=r'not exactly predictions\.json'):
        check(make([POSE], members), [1], n_keypoints=17)


def test_a_damaged_zip(tmp_path):
    (tmp_path / 'x.zip').write_bytes(b'no zip')
    with pytest.raises(ValueError, match='is damaged'):
        check(tmp_path / 'x.zip', [1], n_keypoints=17)

import builtins
import json

import pytest
import yaml

from pifpaf_core.datasets import declaration
from pifpaf_core.skeletons import Keypoint

GOOD = {
    'name': 'gecko',
    'keypoints': [
        ['nose', 0.05, 0, 2.0, 'nose'],
        ['left_paw', 0.08, -1.0, 0.0, 'right_paw'],
        ['right_paw', 0.08, 1.0, 0.0, 'left_paw'],
    ],
    'connections': [['nose', 'left_paw'], ['nose', 'right_paw']],
    'train': {'annotations': 'train.json', 'images': 'images/train'},
    'val': {'annotations': '/elsewhere/val.json', 'images': 'images'},
}


@pytest.fixture
def read(tmp_path):
    """Reads GOOD with changes, from a file in YAML."""

    def read(suffix='.yaml', **changes):
        content = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
        path = tmp_path / f'gecko{suffix}'
        path.write_text(json.dumps(content) if suffix == '.json' else yaml.safe_dump(content))
        return declaration.read(path)

    return read


@pytest.mark.parametrize('suffix', ['.yaml', '.yml', '.json'])
def test_all_of_a_file(read, tmp_path, suffix):
    found = read(suffix, categories=[4], score_weights=[3, 1, 1], dense_connections=[['left_paw', 'right_paw']])
    assert found.name == 'gecko'
    assert found.skeleton.keypoints[1] == Keypoint('left_paw', 0.08, (-1.0, 0.0), 'right_paw')
    assert found.skeleton.mirror == (0, 2, 1)
    assert (found.skeleton.connections, found.skeleton.dense_connections) == (((0, 1), (0, 2)), ((1, 2),))
    assert (found.skeleton.score_weights, found.categories) == ((3.0, 1.0, 1.0), (4,))
    assert found.files == {
        'train': (str(tmp_path / 'train.json'), str(tmp_path / 'images/train')),
        'val': ('/elsewhere/val.json', str(tmp_path / 'images')),
    }


def test_what_may_be_left_out(read):
    found = read(train=..., val=..., connections=...)
    assert (found.categories, found.files, found.skeleton.connections) == (None, {}, ())


def rows(**changes):
    """The keypoints with row 2 changed."""
    return {'keypoints': [GOOD['keypoints'][0], changes['row'], GOOD['keypoints'][2]]}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (rows(row=['left_paw', -1.0, 0.0, 'right_paw']), "keypoints row 2, 'left_paw', has 2 numbers in place of 3"),
        (rows(row=['left_paw', 0.08, -1.0, 0.0]), r"row 2, 'left_paw', has no mirror\. Add the keypoint"),
        (rows(row=['left_paw', 0.08, -1.0, 0.0, 'right_hand']), "row 2: 'left_paw' has the unknown mirror 'right_ha"),
        (rows(row=['left_paw', 0.08, -1.0, 0.0, 'nose']), "'left_paw' has mirror 'nose' but not the other way round"),
        (rows(row=['left_paw', 0.0, -1.0, 0.0, 'right_paw']), "row 2, 'left_paw', has sigma 0.0. Give a positive"),
        (rows(row=['left_paw', 'small', -1.0, 0.0, 'right_paw']), "row 2, 'left_paw', has 'small' where a number"),
        (rows(row=['left_paw', True, -1.0, 0.0, 'right_paw']), "row 2, 'left_paw', has True where a number"),
        (rows(row=['left_paw', 0.08, float('nan'), 0.0, 'right_paw']), "row 2, 'left_paw', has nan where a number"),
        (rows(row=['left_paw', 0.08]), r"row 2, 'left_paw', is \['left_paw', 0.08\]. Write \[name, sigma, x, y, mir"),
        (rows(row=[False, 0.08, -1.0, 0.0, 'right_paw']), r'keypoints row 2 is \[False.*names in quotation marks'),
        ({'keypoints': [['nose', 0.08, 0.0, 0.0, 'nose']] * 2}, "keypoints row 2 has the name 'nose' again"),
        ({'keypoints': []}, 'there are no keypoints'),
        ({'keypoints': 'nose'}, 'keypoints is no list'),
        (
            {'connections': [['nose', 'left_paw'], ['nose', 'tail']]},
            "row 2 has the unknown keypoint 'tail'",
        ),
        ({'connections': [['nose', 'nose']]}, "connections row 1 connects 'nose' with itself"),
        ({'connections': [['nose']]}, r"connections row 1 is \['nose'\]. Write the names of two"),
        ({'dense_connections': [['nose', 'x']]}, "dense_connections row 1 has the unknown keypoint 'x'"),
        ({'score_weights': [1, 2]}, '2 score weights for 3 keypoints'),
        ({'name': 'my-data'}, "name is 'my-data'. Give small letters"),
        ({'name': ...}, 'name is None'),
        ({'categories': [1.5]}, r'categories is \[1.5\]. Give a list of category ids'),
        ({'train': {'annotations': 'x.json'}}, 'train is .*. Give annotations'),
        ({'sigmas': [0.1]}, "unknown key 'sigmas'. Known: name, keypoints"),
    ],
)
def test_what_is_wrong_is_named(read, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(**changes)
    assert str(caught.value).startswith(f'{tmp_path}/gecko.yaml: ')


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('x.yaml', '{', r'x\.yaml is no YAML: .*line 1'),
        ('x.json', '{', r'x\.json is no JSON: .*line 1'),
        ('x.yaml', 'just words', 'the file holds no mapping'),
        ('x.json', '[' * 100_000, r'x\.json is nested too deeply\. Write rows'),
        ('x.yaml', '[' * 2_000, r'x\.yaml is nested too deeply\. Write rows'),
    ],
)
def test_damaged_file(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        declaration.read(path)


def test_no_text(tmp_path):
    path = tmp_path / 'x.yaml'
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match='cannot be read'):
        declaration.read(path)


def test_missing_file():
    with pytest.raises(ValueError, match=r'there is no data set file nowhere\.yaml\. Give its path'):
        declaration.read('nowhere.yaml')


def test_pyyaml_is_optional(tmp_path, monkeypatch):
    (tmp_path / 'x.yaml').write_text('name: x')
    original = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == 'yaml':
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', absent)
    with pytest.raises(ValueError, match=r'needs PyYAML\. Install pyyaml, or write the file as JSON'):
        declaration.read(tmp_path / 'x.yaml')

import copy
import json

import pytest

from pifpaf_core.datasets import coco_checks

DOCUMENT = {
    'images': [
        {'id': 7, 'file_name': 'a.jpg', 'width': 10, 'height': 8},
        {'id': 8, 'file_name': 'b.jpg', 'width': 4, 'height': 4},
    ],
    'annotations': [
        {
            'id': 1,
            'image_id': 7,
            'category_id': 1,
            'iscrowd': 0,
            'bbox': [0, 0, 5, 5],
            'area': 20.0,
            'keypoints': [1, 2, 2, 0, 0, 0],
            'num_keypoints': 1,
        },
        {'id': 2, 'image_id': 7, 'category_id': 1, 'iscrowd': 1, 'bbox': [0, 0, 5, 5]},
        {'id': 3, 'image_id': 8, 'category_id': 2, 'bbox': [0, 0, 0, 5]},
    ],
    'categories': [{'id': 1, 'name': 'person', 'keypoints': ['nose', 'tail']}, {'id': 2, 'name': 'kite'}],
}


def problems(document):
    return list(coco_checks.record_problems(document, file='x.json'))


def test_a_sound_document_has_no_problems():
    assert problems(DOCUMENT) == []
    coco_checks.check_records(DOCUMENT, file='x.json')


@pytest.mark.parametrize(
    ('path', 'value', 'message'),
    [
        (('images', 1, 'id'), 7, 'image 7 occurs twice'),
        (('images', 0, 'id'), None, 'image None has the id None'),
        (
            ('images', 0, 'file_name'),
            '../../etc/passwd',
            "image 7 has the file name '../../etc/passwd', which leaves the image folder",
        ),
        (
            ('images', 0, 'file_name'),
            '/etc/passwd',
            "image 7 has the file name '/etc/passwd', which leaves the image folder",
        ),
        (('images', 0, 'file_name'), '', "image 7 has the file name ''"),
        (('images', 1, 'file_name'), 'a.jpg', "image 8 has the same file name as image 7: 'a.jpg'"),
        (('images', 0, 'width'), 0, 'image 7 has the width 0'),
        (('images', 0, 'height'), '8', "image 7 has the height '8'"),
        (('annotations', 1, 'id'), 1, 'annotation 1 occurs twice'),
        (('annotations', 0, 'image_id'), 9, 'annotation 1 belongs to the unknown image 9'),
        (('annotations', 0, 'image_id'), [9], "annotation 1 belongs to the unknown image '[9]'"),
        (('annotations', 0, 'category_id'), 9, 'annotation 1 has the unknown category 9'),
        (('annotations', 0, 'iscrowd'), 2, 'annotation 1 has iscrowd 2'),
        (('annotations', 0, 'bbox'), [0, 0, 5], 'annotation 1 has the bbox [0, 0, 5]'),
        (('annotations', 0, 'bbox'), [0, 0, -1, 5], 'annotation 1 has the bbox [0, 0, -1, 5]'),
        (('annotations', 0, 'bbox'), [0, 0, float('nan'), 5], 'annotation 1 has the bbox [0, 0, nan, 5]'),
        (('annotations', 0, 'area'), -3.0, 'annotation 1 has the area -3.0'),
        (('annotations', 0, 'keypoints'), [1, 2, 2], 'annotation 1 has 3 keypoint values in place of 6'),
        (('annotations', 0, 'keypoints'), None, 'annotation 1 has no keypoint values in place of 6'),
        (
            ('annotations', 0, 'keypoints'),
            [1, 2, 3, 0, 0, 0],
            'annotation 1 has keypoints that are no numbers or a visibility',
        ),
        (('annotations', 0, 'keypoints'), [1, 'x', 2, 0, 0, 0], 'annotation 1 has keypoints that are no numbers'),
        (('annotations', 0, 'num_keypoints'), 2, 'annotation 1 says num_keypoints 2 but labels 1'),
        (('annotations', 0), 'damaged', 'annotation number 0 has the id None'),
        (('categories', 1, 'id'), 1, 'category 1 occurs twice'),
    ],
)
def test_each_damage_names_file_record_and_remedy(path, value, message):
    document = copy.deepcopy(DOCUMENT)
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    first = problems(document)[0]
    assert first.startswith(f'x.json: {message}')
    problem, _, remedy = first.rpartition('. ')
    assert problem and remedy and '\n' not in first


def test_an_image_without_id_is_not_that_of_annotations_that_name_none():
    document = copy.deepcopy(DOCUMENT)
    del document['images'][0]['id'], document['annotations'][0]['image_id']
    assert any('annotation 1 belongs to the unknown image' in problem for problem in problems(document))


def test_the_first_problem_is_raised_with_the_number_of_others():
    document = copy.deepcopy(DOCUMENT)
    document['images'][0]['width'] = document['images'][1]['width'] = 0
    with pytest.raises(ValueError, match=r'image 7 has the width 0.* \(1 more like this; --debug lists all\)$'):
        coco_checks.check_records(document, file='x.json')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'{"images": [', 'is damaged: Expecting value at line 1, column 13'),
        (b'\xff\xfe', 'is damaged: not UTF-8 at byte 0'),
        (b'[]', "is no COCO document: it has no list 'images'"),
        (b'{"images": []}', "is no COCO document: it has no list 'categories'"),
        (b'{"images": [], "annotations": {}, "categories": []}', "is no COCO document: it has no list 'annotations'"),
    ],
)
def test_damaged_json(tmp_path, content, message):
    path = tmp_path / 'x.json'
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        coco_checks.read_json(path)
    assert str(error.value).startswith(f'{path} {message}')


def test_missing_json_and_lists_of_test_images(tmp_path):
    with pytest.raises(ValueError, match='is missing'):
        coco_checks.read_json(tmp_path / 'x.json')
    path = tmp_path / 'test.json'
    path.write_text(json.dumps({'images': [], 'categories': []}))
    assert coco_checks.read_json(path)['annotations'] == []


@pytest.mark.parametrize(
    ('name', 'inside'),
    [
        ('a.jpg', True),
        ('x/a.jpg', True),
        ('..', False),
        ('x/../../a', False),
        ('x\\..\\..\\a', False),
        ('C:/a', False),
        ('/a', False),
        ('a\0b', False),
    ],
)
def test_names_that_leave_the_folder(name, inside):
    assert coco_checks.is_inside(name) is inside


def test_real_annotations_are_sound(shared):
    for path in sorted((shared / 'data').glob('coco-*/annotations/*.json')):
        coco_checks.check_records(coco_checks.read_json(path), file=path)

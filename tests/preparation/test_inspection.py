import json

import cv2
import numpy as np
import pytest
from instances import keypoint_folder

from pifpaf_core.preparation import inspection
from pifpaf_core.preparation.inspection import (
    DAMAGED,
    EMPTY_IMAGE,
    KINDS,
    LOOSE_BOX,
    NO_IMAGE,
    NO_SKELETON,
    OUTSIDE,
    REPEATED,
    SWAPPED,
    WRONG_SIZE,
)  # fmt: skip
from pifpaf_core.skeletons.cocokp import COCO_PERSON


@pytest.fixture
def path(tmp_path):
    """Four images with two people each."""
    return keypoint_folder(tmp_path, COCO_PERSON)


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def found(path, **options):
    """{kind: records} of what was found."""
    report = inspection.inspect(path, path.parent / 'images', **options)
    return {kind: [f.record for f in report.of(kind)] for kind in KINDS if report.of(kind)}, report.failed


def test_sound(path):
    edit(path, face_the_camera)
    assert found(path) == ({}, False)


def face_the_camera(document):
    """The standard pose is seen from behind; mirror it."""
    for annotation in document['annotations']:
        x, _, width, _ = annotation['bbox']
        annotation['keypoints'][::3] = [2 * x + width - u for u in annotation['keypoints'][::3]]


def damage(kind):
    """A change of a document and the records that it should be found by."""

    def repeated(d):
        d['annotations'][3]['id'] = 2

    def damaged(d):
        d['annotations'][2]['keypoints'].pop()

    def skeleton(d):
        d['categories'][0]['keypoints'].append('tail')
        for a in d['annotations']:
            a['keypoints'] += [0, 0, 0]

    def size(d):
        d['images'][1]['width'] += 1

    def outside(d):
        d['annotations'][4]['keypoints'][27:30] = [-30, 60, 2]
        d['annotations'][4]['bbox'][0:3] = [-30, d['annotations'][4]['bbox'][1], 200]

    def loose(d):
        for a in d['annotations'][:2]:
            a['bbox'] = [0, 0, 5, 5]

    def swapped(d):
        for a in d['annotations'][:1]:
            a['keypoints'] = np.reshape(a['keypoints'], (17, 3))[list(COCO_PERSON.mirror)].reshape(-1).tolist()

    def empty(d):
        d['annotations'] = [a for a in d['annotations'] if a['image_id'] != 3]

    return {
        REPEATED: (repeated, ['annotation 2']),
        DAMAGED: (damaged, ['annotation 3']),
        NO_SKELETON: (skeleton, ['category 1']),
        WRONG_SIZE: (size, ['image 2']),
        OUTSIDE: (outside, ['annotation 5']),
        LOOSE_BOX: (loose, ['annotation 1', 'annotation 2']),
        SWAPPED: (swapped, ['annotation 1']),
        EMPTY_IMAGE: (empty, ['image 3']),
    }[kind]


@pytest.mark.parametrize(
    'kind', [REPEATED, DAMAGED, NO_SKELETON, WRONG_SIZE, OUTSIDE, LOOSE_BOX, SWAPPED, EMPTY_IMAGE], ids=lambda k: k.name
)
def test_one_kind(path, kind):
    edit(path, face_the_camera)
    change, records = damage(kind)
    edit(path, change)
    assert found(path) == ({kind: records}, kind is not EMPTY_IMAGE)


def test_images(path):
    edit(path, face_the_camera)
    images = path.parent / 'images'
    (images / '001.jpg').unlink()
    (images / '002.jpg').write_bytes((images / '003.jpg').read_bytes()[:200])
    assert found(path) == ({NO_IMAGE: ['image 1', 'image 2']}, True)
    assert inspection.inspect(path, None).of(NO_IMAGE) == []


def test_a_share_is_tolerated(path):
    edit(path, face_the_camera)

    def many(d):
        template = d['annotations'][0]
        d['annotations'] += [{**template, 'id': 100 + i} for i in range(100)]
        d['annotations'][0] = {**template, 'bbox': [0, 0, 5, 5]}

    edit(path, many)
    assert found(path) == ({LOOSE_BOX: ['annotation 1']}, False)


def test_a_skeleton_given(path):
    edit(path, face_the_camera)
    assert found(path, skeleton=COCO_PERSON) == ({}, False)
    edit(path, lambda d: d['categories'][0]['keypoints'].reverse())
    findings = inspection.inspect(path, None, skeleton=COCO_PERSON).of(NO_SKELETON)
    assert 'category 1 has the keypoints right_ankle, ' in findings[0].text


def test_everything_at_once_and_nonsense(path):
    """Damaged records do not hide what else there is."""

    def nonsense(d):
        d['annotations'] += [
            7,
            {'id': 'x'},
            {'id': 50, 'image_id': 99, 'category_id': 4, 'bbox': [0, 0, float('inf'), 1]},
        ]
        d['images'] += [None, {'id': 9, 'file_name': '../x.jpg', 'width': 0, 'height': 'tall'}]
        d['categories'] += ['person']

    edit(path, nonsense)
    kinds, failed = found(path)
    assert failed
    assert kinds[SWAPPED] == [f'annotation {i}' for i in range(1, 9)]  # the standard pose, seen from behind
    assert {'annotation number', 'image number', 'category number', 'annotation 50', 'image 9'} <= set(kinds[DAMAGED])


def test_table_and_json(path):
    report = inspection.inspect(path, None)
    lines = inspection.table(report, examples=2)
    assert lines[0] == f'{path}: 4 images, 8 instances'
    assert '  left and right swapped                  8  PROBLEM    annotation 1, annotation 2, ...' in lines
    assert '  image size mismatch               not checked' in lines
    kinds = json.loads(inspection.to_json(report))['kinds']
    assert kinds['left and right swapped']['count'] == 8 and kinds['left and right swapped']['problem']
    assert kinds['id occurs twice'] == {'count': 0, 'rule': REPEATED.rule, 'problem': False, 'records': []}


def test_contact_sheet(path, tmp_path):
    report = inspection.inspect(path, path.parent / 'images')
    inspection.draw(report, tmp_path / 'sheet.png')
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))
    assert sheet.shape == (240, 4 * 320, 3)
    assert (sheet[:, :320] == (0, 220, 255)).all(axis=2).sum() > 100  # boxes
    for image in (path.parent / 'images').iterdir():
        image.unlink()
    with pytest.raises(ValueError, match='can be drawn'):
        inspection.draw(report, tmp_path / 'sheet.png')

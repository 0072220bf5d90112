import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from pifpaf_core.datasets.coco import box_of_keypoints, read_coco


def read(folder, **changes):
    return read_coco(folder.annotations, folder.images, **{'n_keypoints': 17, 'categories': (1,), **changes})


def test_tables(folder):
    folder.add_image(people=2)
    folder.add_image(people=0)
    images = read(folder.save())
    assert images.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert np.diff(images.first).tolist() == [1, 1, 1, 1, 2, 0]
    assert images.sizes[0].tolist() == [96, 64]
    truth = images.truth_of(4)
    assert truth.boxes[:, 0].tolist() == [5.0, 35.0]
    assert truth.keypoints.shape == (2, 17, 3)
    assert len(images.truth_of(5)) == 0
    assert images.read(0).shape == (64, 96, 3)


def test_selection_keeps_annotations_with_their_images(folder):
    folder.add_image(people=2)
    images = read(folder.save()).selected(np.array([4, 1]))
    assert images.ids.tolist() == [5, 2]
    assert [len(images.truth_of(i)) for i in range(2)] == [2, 1]


def test_other_categories_are_left_out(folder):
    folder.document['categories'].append({'id': 2, 'name': 'dog'})
    folder.document['annotations'].append({'id': 99, 'image_id': 1, 'category_id': 2, 'bbox': [0, 0, 5, 5]})
    folder.save()
    assert len(read(folder).truth_of(0)) == 1
    assert read(folder, categories=None).truth_of(0).categories.tolist() == [1, 2]


def test_filters(folder):
    hidden, visible = [1.0, 1.0, 0] * 17, [1.0, 1.0, 2] * 17
    folder.add_image(people=0)
    folder.add_person(5, keypoints=hidden, num_keypoints=0)
    folder.add_image(people=0)
    folder.add_person(6, keypoints=visible, iscrowd=1)
    folder.add_image(people=2)
    folder.add_image(people=0)
    images = read(folder.save())
    assert images.with_keypoints(1).ids.tolist() == [1, 2, 3, 4, 7]
    assert images.with_keypoints(2).ids.tolist() == [7]
    assert images.with_keypoints(0).ids.tolist() == list(range(1, 9))


def test_a_missing_box_is_that_of_the_keypoints(folder):
    folder.document['annotations'][0].pop('bbox')
    assert read(folder.save()).truth_of(0).boxes.tolist() == [[5.0, 4.0, 8.0, 48.0]]
    assert box_of_keypoints(np.zeros((17, 3))).tolist() == [0.0] * 4


def test_crowd_without_keypoints(folder):
    folder.add_image(people=0)
    folder.document['annotations'].append(
        {'id': 50, 'image_id': 5, 'category_id': 1, 'iscrowd': 1, 'bbox': [1, 2, 3, 4]}
    )
    truth = read(folder.save()).truth_of(4)
    assert truth.crowd.tolist() == [True]
    assert truth.keypoints.shape == (1, 17, 3)


def test_list_of_test_images(folder):
    del folder.document['annotations']
    images = read(folder.save())
    assert len(images) == 4
    assert len(images.truth) == 0


def first(folder, name='annotations'):
    return folder.document[name][0]


DAMAGE = {
    'wrong number of keypoints': (lambda f: first(f).update(keypoints=[1.0] * 48), ['annotation 1', '48', '51']),
    'keypoints are no numbers': (lambda f: first(f).update(keypoints=[None] * 51), ['annotation 1', 'no numbers']),
    'unknown image': (lambda f: first(f).update(image_id=77), ['annotation 1', '77']),
    'unknown category': (lambda f: first(f).update(category_id=5), ['annotation 1', '5']),
    'box of three': (lambda f: first(f).update(bbox=[1, 2, 3]), ['annotation 1', 'bbox']),
    'image without width': (lambda f: first(f, 'images').pop('width'), ['image 1', 'width']),
    'two images of one id': (lambda f: first(f, 'images').update(id=2), ['image 2', 'twice']),
    'file outside': (lambda f: first(f, 'images').update(file_name='../a.jpg'), ['image 1', '../a.jpg']),
}


@pytest.mark.parametrize('name', DAMAGE)
def test_damaged_records(folder, name):
    damage, words = DAMAGE[name]
    damage(folder)
    with pytest.raises(ValueError, match=r'annotations\.json') as caught:
        read(folder.save())
    message = str(caught.value)
    assert '\n' not in message
    assert all(word in message for word in words), message


def test_keypoints_of_another_skeleton(folder):
    with pytest.raises(ValueError, match=r"annotation 1 in '.*annotations\.json' has 51 keypoint values.* needs 42\. "):
        read(folder, n_keypoints=14)


@pytest.mark.parametrize('content', ['{"images": [', '[]', '{}', b'\xff\xfe', ''])
def test_damaged_files(folder, content):
    Path(folder.annotations).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r'annotations\.json (is damaged|is no COCO document)'):
        read(folder)


def test_missing_file(folder):
    with pytest.raises(ValueError, match=r'nothing\.json is missing'):
        read_coco('nothing.json', folder.images, n_keypoints=17)


def test_missing_images(folder):
    os.remove(f'{folder.images}/002.jpg')
    with pytest.raises(ValueError, match=r"002\.jpg' is missing, one of 1 missing of the 4 images"):
        read(folder).check_files()


def test_missing_folder_of_images(folder):
    with pytest.raises(ValueError, match='one of 4 missing'):
        read_coco(folder.annotations, folder.images + '2017', n_keypoints=17).check_files()


def test_all_images_there(folder):
    read(folder).check_files()


def test_image_of_another_size(folder):
    cv2.imwrite(f'{folder.images}/001.jpg', np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(
        ValueError, match=r"001\.jpg' is 30x20 pixels, but image 1 in '.*annotations\.json' is 96x64\. "
    ):
        read(folder).read(0)


def test_the_document_of_coco_has_more(folder):
    """Segmentations, licences and whatever else."""
    first(folder).update(segmentation=[[1, 2, 3, 4, 5, 6]], caption='a person')
    folder.document.update(info={'year': 2017}, licenses=[])
    assert len(read(folder.save())) == 4


def test_shared_data(shared):
    root = shared / 'data/coco-real'
    images = read_coco(
        str(root / 'annotations/person_keypoints_val2017.json'), str(root / 'images/val2017'), n_keypoints=17
    )
    images.check_files()
    assert len(images) == 32
    document = json.loads((root / 'annotations/person_keypoints_val2017.json').read_text())
    assert len(images.truth) == len(document['annotations'])

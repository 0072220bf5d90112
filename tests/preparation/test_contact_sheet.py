import cv2
import numpy as np
import pytest

from pifpaf_core import prepare
from pifpaf_core.preparation import contact_sheet


@pytest.fixture
def prepared(folder, tmp_path):
    assert (
        prepare.main([f'--source={folder.add("val", 6).root}', f'--output={tmp_path / "out"}', '--val-is-train']) == 0
    )
    return tmp_path / 'out'


def test_tiles_in_rows_of_four(prepared, tmp_path):
    contact_sheet.write(prepared, tmp_path / 'sheet.jpg')
    assert cv2.imread(str(tmp_path / 'sheet.jpg')).shape == (480, 1280, 3)


def test_annotations_are_drawn_unless_they_shall_not_be(prepared, tmp_path):
    for name, drawn in (('a.png', True), ('b.png', False)):
        contact_sheet.write(prepared, tmp_path / name, drawn=drawn)
    a, b = (cv2.imread(str(tmp_path / name)).astype(int) for name in ('a.png', 'b.png'))
    assert 0.001 < (a != b).mean() < 0.9


def test_colours_of_boxes_crowds_and_sides():
    image = np.zeros((40, 40, 3), np.uint8)
    category = {'id': 1, 'keypoints': ['left_a', 'left_b', 'right_a'], 'skeleton': [[1, 2], [2, 3]]}
    record = {'category_id': 1, 'bbox': [1, 1, 30, 30], 'keypoints': [10, 10, 2, 20, 10, 2, 10, 25, 0]}
    contact_sheet.draw_annotation(image, record, [category])
    assert image[1, 15].tolist() == [0, 220, 255] and image[10, 15].tolist() == [255, 160, 60]
    assert not image[18, 15].any()  # a connection to an unlabelled keypoint
    contact_sheet.draw_annotation(
        image, {'category_id': 1, 'bbox': [1, 1, 30, 30], 'iscrowd': 1, 'keypoints': []}, [{'id': 1}]
    )
    assert image[1, 15].tolist() == [255, 60, 255]


def test_formats():
    contact_sheet.check_path('a/b.PNG')
    with pytest.raises(ValueError, match='no image format'):
        contact_sheet.check_path('sheet.gif')

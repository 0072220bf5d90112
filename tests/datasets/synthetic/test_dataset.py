import json

import cv2
import pytest

from pifpaf_core.datasets.coco_checks import check_records
from pifpaf_core.datasets.synthetic import dataset
from pifpaf_core.datasets.synthetic.dataset import SyntheticOptions


def rendered(folder, workers, **options):
    folder.mkdir()
    settings = {'n_images': 9, 'seed': 5, 'size': '96x80'} | options
    assert list(dataset.write(SyntheticOptions(**settings), folder, workers=workers)) == list(
        range(settings['n_images'])
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_the_number_of_workers_changes_no_byte(tmp_path):
    one, three = (rendered(tmp_path / str(n), n) for n in (1, 3))
    assert one == three and len(one) == 10


def test_the_seed_changes_all_and_the_count_only_adds(tmp_path):
    nine, other, four = (
        rendered(tmp_path / 'a', 1),
        rendered(tmp_path / 'b', 1, seed=6),
        rendered(tmp_path / 'c', 1, n_images=4),
    )
    images = [name for name in four if name.endswith('.jpg')]
    assert len(images) == 4
    assert all(four[name] == nine[name] != other[name] for name in images)


def test_the_document_is_sound_coco(tmp_path):
    files = rendered(tmp_path / 'a', 1)
    document = json.loads(files['annotations/person_keypoints_train2017.json'])
    check_records(document, file='x')
    assert document['categories'][0]['keypoints'][0] == 'nose' and [16, 14] in document['categories'][0]['skeleton']
    assert [image['id'] for image in document['images']] == list(range(1, 10))
    assert document['annotations']
    for image in document['images']:
        pixels = cv2.imread(str(tmp_path / 'a/images/train2017' / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3) == (80, 96, 3)


@pytest.mark.parametrize('size', ['640', '10x10', '65x64', '640x5000', 'axb'])
def test_sizes_that_cannot_be_drawn(size):
    with pytest.raises(ValueError, match='--size'):
        SyntheticOptions(size=size)


def test_stopping_early_stops_the_workers(tmp_path):
    images = dataset.write(SyntheticOptions(n_images=5000, size='64x64'), tmp_path, workers=2)
    next(images)
    images.close()
    assert len(list((tmp_path / 'images/train2017').iterdir())) < 4000

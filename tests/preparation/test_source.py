import json
import logging

import pytest

from pifpaf_core.preparation import source


def test_files_of_the_official_layout_and_of_the_zips(folder):
    folder.add('train').add('val', first=10).add('val', first=10, kind='instances')
    found = source.find_files(folder.root)
    assert [(f.kind, f.split, f.images.name) for f in found] == [
        ('instances', 'val', 'val2017'),
        ('person_keypoints', 'train', 'train2017'),
        ('person_keypoints', 'val', 'val2017'),
    ]
    (folder.root / 'images' / 'val2017').rename(folder.root / 'val2017')  # as in COCO's zip files
    assert {f.images for f in source.find_files(folder.root) if f.split == 'val'} == {folder.root / 'val2017'}


def test_lists_of_test_images_count_only_with_their_images(folder):
    folder.add('val')
    listing = folder.root / 'annotations' / 'image_info_test-dev2017.json'
    listing.write_text(json.dumps({'images': [], 'categories': []}))
    assert {f.split for f in source.find_files(folder.root)} == {'val'}
    (folder.root / 'images' / 'test2017').mkdir()
    assert {f.split for f in source.find_files(folder.root)} == {'val', 'test'}


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda f: f.root.rename(f.root.with_name('x')), 'source is missing'),
        (lambda f: (f.root / 'annotations').rename(f.root / 'x'), 'annotations is missing'),
        (
            lambda f: f.annotations('person_keypoints_val2017').rename(f.root / 'annotations' / 'x.json'),
            'has no person_keypoints_',
        ),
        (lambda f: (f.root / 'images').rename(f.root / 'x'), 'val2017 is missing'),
    ],
)
def test_incomplete_layouts(folder, damage, message):
    folder.add('val')
    damage(folder)
    with pytest.raises(ValueError, match=message):
        source.find_files(folder.root)


def test_reading_counts_what_there_is(folder):
    found = source.read(folder.add('val').root, workers=2)
    assert found.splits == {'val'}
    assert [image.name for image in found.images['val']] == ['000000000001.jpg', '000000000002.jpg', '000000000003.jpg']
    assert list(found.counts.values()) == [{'images': 3, 'instances': 3, 'crowd_regions': 1, 'labelled_keypoints': 6}]


def test_all_problems_are_logged_and_the_first_is_raised(folder, caplog):
    folder.add('val')
    folder.image('val', 1).unlink()
    folder.image('val', 3).write_bytes(b'')
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueError, match=r'000000000001.jpg: the image is missing.*\(1 more'):
        source.read(folder.root, workers=2)
    assert any('000000000003.jpg: the image is an empty file' in line for line in caplog.messages)


def test_two_annotation_files_that_disagree_about_an_image(folder):
    folder.add('val').add('val', kind='instances')
    folder.documents['instances_val2017']['images'][0]['id'] = 99
    for annotation in folder.documents['instances_val2017']['annotations']:
        annotation['image_id'] = 99
    folder.save()
    with pytest.raises(ValueError, match=r"'000000000001.jpg' has another id or size"):
        source.read(folder.root, workers=1)


def test_workers_are_the_processors_of_this_process():
    assert source.default_workers() >= 1

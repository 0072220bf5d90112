import json
import os

import pytest

from pifpaf_core.preparation import output, source


def layout(folder, target, **options):
    checked = source.read(folder.root, workers=1)
    with output.staging(target) as stage:
        writer = output.Writer(stage)
        settings = {'val_ids': None, 'val_is_train': False} | options
        splits = output.write_layout(writer, checked, **settings)
        return writer.commit(splits=splits, request={'a': 1}, split='as given', val_is_train=False)


def names(target):
    return sorted(str(path.relative_to(target)) for path in target.rglob('*') if path.is_file())


def test_given_splits_are_kept(folder, tmp_path):
    manifest = layout(folder.add('train', 2).add('val', 1, first=9), tmp_path / 'out')
    assert names(tmp_path / 'out') == [
        'annotations/person_keypoints_train2017.json',
        'annotations/person_keypoints_val2017.json',
        'images/train2017/000000000001.jpg',
        'images/train2017/000000000002.jpg',
        'images/val2017/000000000009.jpg',
        'manifest.json',
    ]
    assert manifest['files'] == 5
    assert manifest['bytes'] == sum((tmp_path / 'out' / name).stat().st_size for name in names(tmp_path / 'out')[:-1])
    assert manifest['splits']['train'] == {'images': 2, 'people': 2, 'crowd_regions': 1, 'labelled_keypoints': 4}


def test_validation_ids_split_images_and_annotations(folder, tmp_path):
    manifest = layout(folder.add('val', 4), tmp_path / 'out', val_ids=frozenset({2, 3}))
    assert manifest['splits']['val'] == {'images': 2, 'people': 2, 'crowd_regions': 0, 'labelled_keypoints': 4}
    assert manifest['splits']['train'] == {'images': 2, 'people': 2, 'crowd_regions': 1, 'labelled_keypoints': 4}
    document = json.loads((tmp_path / 'out/annotations/person_keypoints_val2017.json').read_text())
    assert [image['id'] for image in document['images']] == [2, 3]
    assert {annotation['image_id'] for annotation in document['annotations']} == {2, 3}
    assert sorted(path.name for path in (tmp_path / 'out/images/val2017').iterdir()) == [
        '000000000002.jpg',
        '000000000003.jpg',
    ]


def test_validation_may_be_the_training_images(folder, tmp_path):
    manifest = layout(folder.add('val', 2), tmp_path / 'out', val_is_train=True)
    assert manifest['splits']['train'] == manifest['splits']['val']
    a, b = ((tmp_path / f'out/images/{split}2017/000000000001.jpg').read_bytes() for split in ('train', 'val'))
    assert a == b


def test_test_images_come_along(folder, tmp_path):
    folder.add('val', 1).add('train', 1, first=5)
    image = folder.root / 'images/test2017/000000000077.jpg'
    image.parent.mkdir()
    image.write_bytes(folder.image('val', 1).read_bytes())
    listing = {'images': [{'id': 77, 'file_name': image.name, 'width': 32, 'height': 24}], 'categories': []}
    (folder.root / 'annotations/image_info_test-dev2017.json').write_text(json.dumps(listing))
    layout(folder, tmp_path / 'out')
    assert {'annotations/image_info_test-dev2017.json', 'images/test2017/000000000077.jpg'} <= set(
        names(tmp_path / 'out')
    )


def test_boxes_of_all_categories_are_counted_beside_the_people(folder, tmp_path):
    folder.add('train', 2).add('val', 1, first=9).add('train', 2, kind='instances').add(
        'val', 1, first=9, kind='instances'
    )
    assert layout(folder, tmp_path / 'out')['splits']['train'] == {
        'images': 2, 'people': 2, 'crowd_regions': 1, 'labelled_keypoints': 4, 'instances_images': 2, 'instances': 2,
    }  # fmt: skip


def test_the_digest_is_one_of_the_content(folder, tmp_path):
    folder.add('val', 2)
    first = layout(folder, tmp_path / 'a', val_is_train=True)
    assert layout(folder, tmp_path / 'b', val_is_train=True)['digest'] == first['digest']
    assert layout(folder, tmp_path / 'c', val_ids=frozenset({1}))['digest'] != first['digest']
    folder.image('val', 1).write_bytes(folder.image('val', 2).read_bytes())
    assert layout(folder, tmp_path / 'd', val_is_train=True)['digest'] != first['digest']


def test_images_are_linked_where_that_can_be_and_copied_elsewhere(folder, tmp_path, monkeypatch):
    folder.add('val', 1)
    layout(folder, tmp_path / 'a', val_is_train=True)
    assert (tmp_path / 'a/images/val2017/000000000001.jpg').samefile(folder.image('val', 1))

    def refuse(*_):
        raise OSError(18, 'Invalid cross-device link')

    monkeypatch.setattr(os, 'link', refuse)
    layout(folder, tmp_path / 'b', val_is_train=True)
    copy = tmp_path / 'b/images/val2017/000000000001.jpg'
    assert not copy.samefile(folder.image('val', 1)) and copy.read_bytes() == folder.image('val', 1).read_bytes()


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), output.staging(tmp_path / 'out') as stage:
        (stage / 'half').write_text('x')
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_is_not_touched(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'thesis.tex').write_text('x')
    with pytest.raises(ValueError, match='holds no prepared data set'), output.staging(tmp_path / 'out'):
        pass
    assert names(tmp_path) == ['out/thesis.tex']


def test_an_output_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('x')
    with (
        pytest.raises(OSError, match=r'cannot be written .*Choose another --output'),
        output.staging(tmp_path / 'file' / 'out'),
    ):
        pass


def test_an_existing_data_set(folder, tmp_path):
    assert output.existing(tmp_path / 'out', {'a': 1}) is None
    manifest = layout(folder.add('val', 1), tmp_path / 'out', val_is_train=True)
    assert output.existing(tmp_path / 'out', {'a': 1}) == manifest
    with pytest.raises(ValueError, match='another source or other options'):
        output.existing(tmp_path / 'out', {'a': 2})
    (tmp_path / 'out/images/val2017/000000000001.jpg').unlink()
    with pytest.raises(ValueError, match='has 3 files but its manifest counts 4'):
        output.existing(tmp_path / 'out', {'a': 1})


def test_manifests_that_are_missing_or_damaged(tmp_path):
    with pytest.raises(ValueError, match='no prepared data set'):
        output.read_manifest(tmp_path)
    for content in ('{', '[]', '{"format": 99}'):
        (tmp_path / 'manifest.json').write_text(content)
        with pytest.raises(ValueError, match='damaged or of another version'):
            output.read_manifest(tmp_path)

import hashlib
import json

import pytest

from components.runtime import data
from components.runtime.data import DataSet
from components.runtime.s3 import S3Store
from components.runtime.store import open_store


@pytest.fixture
def prepared(tmp_path):
    """A folder as ``pifpaf prepare`` leaves it."""
    folder = tmp_path / 'prepared'
    files = {'annotations/person_keypoints_val2017.json': b'{}', 'images/val2017/1.jpg': b'jpeg'}
    lines = ''
    for name, content in sorted(files.items()):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
        lines += f'{hashlib.sha256(content).hexdigest()}  {name}\n'
    manifest = {'digest': hashlib.sha256(lines.encode()).hexdigest(), 'splits': {}}
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    return folder


NAMES = ['person_keypoints_val2017.json']


def test_a_data_set_lies_under_its_digest_and_can_be_read(root, prepared, tmp_path):
    uri, manifest = data.publish(prepared, root)
    assert uri.endswith(f'/datasets/{manifest["digest"][:16]}')
    assert data.manifest(uri) == manifest
    found = data.bring(uri, tmp_path / 'scratch', NAMES)
    assert (found.annotations / NAMES[0]).read_bytes() == b'{}'
    assert open_store(found.image_folder('val')).read('1.jpg') == b'jpeg'


def test_equal_content_is_not_written_twice(root, prepared, monkeypatch):
    uri, _ = data.publish(prepared, root)
    monkeypatch.setattr('components.runtime.store.LocalStore.put', None)
    monkeypatch.setattr('components.runtime.s3.S3Store.put', None)
    assert data.publish(prepared, root)[0] == uri


def test_half_a_data_set_does_not_count_and_is_completed(root, prepared, tmp_path, monkeypatch):
    uri, _ = data.publish(prepared, root)
    store = open_store(uri)
    store.delete('manifest.json')
    store.delete('annotations/person_keypoints_val2017.json')
    with pytest.raises(FileNotFoundError, match='holds no prepared data set'):
        data.bring(uri, tmp_path / 'scratch', NAMES)
    sent = []
    original = type(store).put
    monkeypatch.setattr(type(store), 'put', lambda self, path, key: (sent.append(key), original(self, path, key)))
    data.publish(prepared, root)
    assert sent == ['annotations/person_keypoints_val2017.json', 'manifest.json'], 'what is there is not sent again'
    data.bring(uri, tmp_path / 'scratch', NAMES)


def test_a_local_data_set_is_read_where_it_is(tmp_path, prepared):
    uri, _ = data.publish(prepared, str(tmp_path / 'store'))
    found = data.bring(uri, tmp_path / 'scratch', NAMES)
    assert (str(found.annotations), found.images) == (f'{uri}/annotations', f'{uri}/images')
    assert not (tmp_path / 'scratch').exists()


def test_of_one_that_lies_afar_only_annotations_are_copied(s3, prepared, tmp_path):
    uri, _ = data.publish(prepared, s3)
    found = data.bring(uri, tmp_path / 'scratch', NAMES)
    assert found.images == f'{uri}/images'
    assert [path.name for path in (tmp_path / 'scratch').rglob('*') if path.is_file()] == NAMES


def test_a_copy_is_checked(s3, prepared, tmp_path):
    uri, _ = data.publish(prepared, s3)
    open_store(uri).write(f'annotations/{NAMES[0]}', b'[]')
    with pytest.raises(OSError, match=r'val2017\.json is not what SHA256SUMS says\. Remove'):
        data.bring(uri, tmp_path / 'scratch', NAMES)
    assert not list((tmp_path / 'scratch').rglob('*.json'))
    open_store(uri).write('SHA256SUMS', b'')
    with pytest.raises(OSError, match='SHA256SUMS is not that of the data set'):
        data.bring(uri, tmp_path / 'scratch', NAMES)


def test_a_file_that_the_data_set_lacks_is_named_with_those_that_it_has(s3, prepared, tmp_path):
    uri, _ = data.publish(prepared, s3)
    message = 'has no annotations/instances_val2017.json, but annotations/person_keypoints_val2017.json. Prepare'
    with pytest.raises(FileNotFoundError, match=message):
        data.bring(uri, tmp_path / 'scratch', data.annotation_files('cocodet', ('val',)))


def test_a_copy_is_made_once(s3, prepared, tmp_path, monkeypatch):
    uri, _ = data.publish(prepared, s3)
    data.bring(uri, tmp_path / 'scratch', NAMES)
    monkeypatch.setattr('components.runtime.s3.S3Store.get', None)
    data.bring(uri, tmp_path / 'scratch', NAMES)


def test_flags_name_the_files_of_each_data_module(tmp_path):
    flags = DataSet(tmp_path, 's3://bucket/data/images').flags('cocokp-cocodet-plugin', cache=tmp_path / 'cache')
    assert flags['cocokp-train-annotations'] == f'{tmp_path}/person_keypoints_train2017.json'
    assert flags['cocodet-val-annotations'] == f'{tmp_path}/instances_val2017.json'
    assert flags['cocodet-val-image-dir'] == 's3://bucket/data/images/val2017'
    assert flags['data-cache'] == f'{tmp_path}/cache'
    assert len(flags) == 9
    assert 'data-cache' not in DataSet(tmp_path, '/local').flags('cocokp', cache=tmp_path)
    assert data.annotation_files('cocokp-plugin', ('train', 'val')) == [
        'person_keypoints_train2017.json',
        'person_keypoints_val2017.json',
    ]


class TestSource:
    """What lies in a bucket, for ``pifpaf prepare``."""

    def test_a_prefix_becomes_a_folder_and_nothing_is_fetched_twice(self, s3, tmp_path, monkeypatch):
        store = open_store(f'{s3}/source')
        for key in ('annotations/a.json', 'images/1.jpg', 'images/deep/2.jpg'):
            store.write(key, key.encode())
        folder = data.bring_source(f'{s3}/source/', tmp_path)
        assert (folder / 'images/deep/2.jpg').read_text() == 'images/deep/2.jpg'
        (folder / 'images/1.jpg').write_text('half')
        fetched = []
        original = S3Store.get
        monkeypatch.setattr(S3Store, 'get', lambda self, key, path: (fetched.append(key), original(self, key, path)))
        data.bring_source(f'{s3}/source', tmp_path)
        assert fetched == ['images/1.jpg']

    def test_an_archive_becomes_a_file(self, s3, tmp_path):
        open_store(s3).write('coco.zip', b'zip')
        assert data.bring_source(f'{s3}/coco.zip', tmp_path).read_bytes() == b'zip'

    @pytest.mark.parametrize('where', ['', '/nothing', '/nothing/here/'])
    def test_nothing(self, s3, tmp_path, where):
        with pytest.raises(FileNotFoundError, match=r'holds nothing\. Check the URI'):
            data.bring_source(f'{s3}{where}', tmp_path)

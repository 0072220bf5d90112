import hashlib
import json

import pytest

from components.runtime import data
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


def test_a_data_set_lies_under_its_digest_and_comes_back(root, prepared, tmp_path):
    uri, manifest = data.publish(prepared, root)
    assert uri.endswith(f'/datasets/{manifest["digest"][:16]}')
    folder = data.bring(uri, tmp_path / 'scratch')
    assert (folder / 'images/val2017/1.jpg').read_bytes() == b'jpeg'
    assert data.manifest(uri) == manifest


def test_equal_content_is_not_written_twice(root, prepared, monkeypatch):
    uri, _ = data.publish(prepared, root)
    monkeypatch.setattr('components.runtime.store.LocalStore.put', None)
    monkeypatch.setattr('components.runtime.s3.S3Store.put', None)
    assert data.publish(prepared, root)[0] == uri


def test_half_a_data_set_does_not_count_and_is_completed(tmp_path, prepared, monkeypatch):
    root = str(tmp_path / 'store')
    uri, _ = data.publish(prepared, root)
    store = open_store(uri)
    store.delete('manifest.json')
    with pytest.raises(FileNotFoundError, match='holds no prepared data set'):
        data.bring(uri, tmp_path / 'scratch')
    data.publish(prepared, root)
    assert store.read('manifest.json') is not None


def test_a_local_data_set_is_read_where_it_is(tmp_path, prepared):
    uri, _ = data.publish(prepared, str(tmp_path / 'store'))
    assert str(data.bring(uri, tmp_path / 'scratch')) == uri
    assert not (tmp_path / 'scratch').exists()


def test_a_copy_is_checked(s3, prepared, tmp_path):
    uri, _ = data.publish(prepared, s3)
    open_store(uri).write('images/val2017/1.jpg', b'jpfg')
    with pytest.raises(OSError, match='the digest differs'):
        data.bring(uri, tmp_path / 'scratch')


def test_a_copy_is_made_once(s3, prepared, tmp_path, monkeypatch):
    uri, _ = data.publish(prepared, s3)
    data.bring(uri, tmp_path / 'scratch')
    monkeypatch.setattr('components.runtime.s3.S3Store.get', None)
    data.bring(uri, tmp_path / 'scratch')


def test_flags_name_the_files_of_each_data_module(tmp_path):
    flags = data.flags(tmp_path, 'cocokp-cocodet-plugin')
    assert flags['cocokp-train-annotations'] == f'{tmp_path}/annotations/person_keypoints_train2017.json'
    assert flags['cocodet-val-annotations'] == f'{tmp_path}/annotations/instances_val2017.json'
    assert flags['cocodet-val-image-dir'] == f'{tmp_path}/images/val2017'
    assert len(flags) == 8

import pytest

from components.runtime.commits import commit, fetch, manifest
from components.runtime.store import open_store, read_object, write_json


@pytest.fixture
def store(root):
    return open_store(root)


@pytest.fixture
def files(tmp_path):
    found = {}
    for name in ('weights', 'deep/meta'):
        found[name] = tmp_path / name.replace('/', '-')
        found[name].write_text(f'content of {name}')
    return found


@pytest.mark.parametrize('folder', ['checkpoints/e0001', ''])
def test_what_was_committed_comes_back(store, files, tmp_path, folder):
    assert manifest(store, folder) is None
    commit(store, folder, files, epoch=1)
    fetched = fetch(store, folder, tmp_path / 'back')
    assert {name: path.read_text() for name, path in fetched.items()} == {n: p.read_text() for n, p in files.items()}
    assert manifest(store, folder)['epoch'] == 1


def test_the_manifest_is_the_last_object(files, tmp_path, monkeypatch):
    store = open_store(str(tmp_path / 'store'))
    order = []
    for method in ('put', 'write'):
        original = getattr(store, method)
        monkeypatch.setattr(store, method, lambda x, y, o=original: (order.append(str(x) + str(y)), o(x, y)))
    commit(store, 'group', files)
    assert len(order) == 3
    assert 'manifest.json' in order[-1]


def test_data_without_manifest_do_not_count(store, files, tmp_path):
    store.put(files['weights'], 'group/weights')
    with pytest.raises(FileNotFoundError, match='holds nothing that was committed'):
        fetch(store, 'group', tmp_path / 'back')


def test_damage_is_found_and_not_left_behind(store, files, tmp_path):
    commit(store, 'group', files)
    store.write('group/weights', b'content of weightz')
    with pytest.raises(OSError, match='is not what was committed'):
        fetch(store, 'group', tmp_path / 'back')
    assert not (tmp_path / 'back' / 'weights').exists()


@pytest.mark.parametrize('name', ['../outside', '/etc/outside', 'a/../../outside'])
def test_a_manifest_cannot_name_files_outside(store, files, tmp_path, name):
    commit(store, 'group', files)
    document = read_object(store, 'group/manifest.json')
    document['files'] = {name: {'size': 1, 'sha256': 'x'}}
    write_json(store, 'group/manifest.json', document)
    with pytest.raises(OSError, match='names a file outside its folder'):
        fetch(store, 'group', tmp_path / 'back')

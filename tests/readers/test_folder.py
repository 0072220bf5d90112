"""Folders here and afar: what is missing, reading ahead, and a cache that is never stale."""

import pickle
import threading

import pytest

from pifpaf_core.readers import folder as folders
from pifpaf_core.readers.cache import DataCache
from pifpaf_core.readers.folder import Folder


class Afar:
    """Stands for a store: ``mem://data/<name>``."""

    def __init__(self, monkeypatch):
        self.files = {'1.jpg': b'one', 'deep/2.jpg': b'two'}
        self.reads, self.threads = [], set()
        monkeypatch.setattr(folders, 'is_remote', lambda address: address.startswith('mem://'))
        monkeypatch.setattr(folders, 'read_bytes', self.read)
        monkeypatch.setattr(folders, 'names', lambda _: {name: str(hash(c)) for name, c in self.files.items()})
        monkeypatch.setattr(folders, 'join', lambda folder, name: f'{folder}/{name}')

    def read(self, address):
        self.reads.append(address)
        self.threads.add(threading.current_thread().name)
        try:
            return self.files[address.removeprefix('mem://data/')]
        except KeyError:
            raise FileNotFoundError(address) from None


@pytest.fixture
def afar(monkeypatch):
    return Afar(monkeypatch)


def test_files_of_this_machine(tmp_path):
    (tmp_path / 'deep').mkdir()
    (tmp_path / 'deep' / '1.jpg').write_bytes(b'one')
    folder = Folder(str(tmp_path))
    folder.prefetch(['deep/1.jpg'])
    assert folder.read('deep/1.jpg') == b'one'
    assert folder.missing(['deep/1.jpg', 'deep/2.jpg', 'none/3.jpg']) == ['deep/2.jpg', 'none/3.jpg']


def test_what_is_missing_afar(afar):
    assert Folder('mem://data').missing(['1.jpg', 'deep/2.jpg', '3.jpg']) == ['3.jpg']


def test_what_was_begun_ahead_is_not_read_again(afar):
    folder = Folder('mem://data')
    folder.prefetch(['1.jpg', 'deep/2.jpg', 'none.jpg'])
    assert folder.read('deep/2.jpg') == b'two'
    assert folder.read('1.jpg') == b'one'
    with pytest.raises(FileNotFoundError):
        folder.read('none.jpg')
    assert sorted(afar.reads) == ['mem://data/1.jpg', 'mem://data/deep/2.jpg', 'mem://data/none.jpg']
    assert threading.current_thread().name not in afar.threads


def test_a_copy_for_another_process_reads_too(afar):
    folder = Folder('mem://data')
    folder.prefetch(['1.jpg'])
    folder.read('1.jpg')
    copy = pickle.loads(pickle.dumps(folder))
    copy.prefetch(['1.jpg'])
    assert copy.read('1.jpg') == b'one'


def test_the_second_epoch_reads_here(afar, tmp_path):
    folder = Folder('mem://data', DataCache(tmp_path, 1 << 20))
    for _ in range(2):
        folder.prefetch(['1.jpg', 'deep/2.jpg'])
        assert (folder.read('1.jpg'), folder.read('deep/2.jpg')) == (b'one', b'two')
    assert len(afar.reads) == 2


def test_a_folder_that_has_changed_is_read_anew(afar, tmp_path):
    cache = DataCache(tmp_path, 1 << 20)
    Folder('mem://data', cache).read('1.jpg')
    afar.files['1.jpg'] = b'new'
    assert Folder('mem://data', cache).read('1.jpg') == b'new'

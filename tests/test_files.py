import hashlib

import pytest

from pifpaf_core.files import atomic_path, sha256, write_atomically


def test_writes_whole_files_and_makes_folders(tmp_path):
    path = tmp_path / 'a' / 'b.json'
    write_atomically(path, 'grüße')
    assert path.read_text(encoding='utf-8') == 'grüße'
    write_atomically(path, b'again')
    assert path.read_bytes() == b'again'
    assert sha256(path) == hashlib.sha256(b'again').hexdigest()
    assert [p.name for p in path.parent.iterdir()] == ['b.json']


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'x'
    write_atomically(path, 'old')
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text('half')
        raise RuntimeError('power cut')
    assert path.read_text() == 'old'
    assert [p.name for p in tmp_path.iterdir()] == ['x']


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='file'):
        write_atomically(tmp_path / 'file' / 'x', 'content')

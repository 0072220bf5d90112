"""Files by address, with a plugin that reads from memory."""

import io

import pytest

from pifpaf_core import plugins, readers

FILES = {'mem://data/a.txt': b'A', 'mem://data/deep/b.txt': b'B', 'mem://other/c.txt': b'C'}


def open_mem(address):
    if address.endswith('/'):
        below = (name for name in FILES if name.startswith(address))
        return io.BytesIO(''.join(f'v1 {name.removeprefix(address)}\n' for name in below).encode())
    if address not in FILES:
        raise FileNotFoundError(f'{address} does not exist. Check the URI')
    return io.BytesIO(FILES[address])


@pytest.fixture(autouse=True)
def _forget_plugins():
    readers._opener.cache_clear()
    yield
    readers._opener.cache_clear()


@pytest.fixture
def mem(monkeypatch):
    load = plugins.load
    monkeypatch.setattr(
        plugins, 'load', lambda group, name: open_mem if (group, name) == (readers.GROUP, 'mem') else load(group, name)
    )


@pytest.mark.parametrize(
    ('address', 'expected'), [('s3://b/k', True), ('/a/b', False), ('a:b', False), ('file:///a', False), ('', False)]
)
def test_what_is_remote(address, expected):
    assert readers.is_remote(address) is expected


def test_here_and_afar(mem, tmp_path):
    (tmp_path / 'x').write_bytes(b'X')
    assert readers.read_bytes(tmp_path / 'x') == b'X'
    assert readers.read_bytes(f'file://{tmp_path}/x') == b'X'
    assert readers.read_bytes('mem://data/a.txt') == b'A'
    with pytest.raises(FileNotFoundError, match='does not exist'):
        readers.read_bytes('mem://data/z.txt')


def test_names_and_versions_below_a_folder(mem):
    assert readers.names('mem://data') == readers.names('mem://data/') == {'a.txt': 'v1', 'deep/b.txt': 'v1'}


@pytest.mark.parametrize(
    ('folder', 'joined'), [('mem://data', 'mem://data/a'), ('mem://data/', 'mem://data/a'), ('x/', 'x/a')]
)
def test_join(folder, joined):
    assert readers.join(folder, 'a') == joined


def test_a_local_file_for_programs_that_want_one(mem, tmp_path):
    with readers.local_file('mem://data/a.txt') as path:
        assert path.read_bytes() == b'A'
    assert not path.exists()
    (tmp_path / 'x').write_bytes(b'X')
    with readers.local_file(tmp_path / 'x') as path:
        assert path == tmp_path / 'x'


def test_an_unknown_scheme_is_refused_and_known_ones_named():
    with pytest.raises(ValueError, match=r"there is no reader 'gs'\. Known: .*s3"):
        readers.read_bytes('gs://bucket/key')


def test_a_plugin_that_is_not_installed_says_what_to_do(monkeypatch):
    def absent(group, name):
        raise ModuleNotFoundError("No module named 'boto3'")

    monkeypatch.setattr(plugins, 'load', absent)
    with pytest.raises(ValueError, match=r"No module named 'boto3'\. Put the repository on PYTHONPATH"):
        readers.read_bytes('absent://bucket/key')

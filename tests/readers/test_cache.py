import os
import pickle
import shutil
import time
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor

import pytest

from pifpaf_core.readers.cache import DataCache

LIMIT = 10_000
SIZE = 1000 - 4  # with the check


class Server:
    """Counts what is fetched."""

    def __init__(self):
        self.fetched = []

    def __call__(self, key):
        def fetch():
            self.fetched.append(key)
            return key.encode()[:1] * SIZE

        return fetch


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'cache'


def used(folder):
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file() and path.name != 'bytes')


def age(folder, seconds):
    for path in folder.rglob('*'):
        os.utime(path, (time.time() - seconds,) * 2)


def test_what_was_read_once_is_read_here(folder, server):
    cache = DataCache(folder, LIMIT)
    for _ in range(3):
        assert cache.get('a', server('a')) == b'a' * SIZE
    assert server.fetched == ['a']
    assert pickle.loads(pickle.dumps(cache)).get('a', server('a')) == b'a' * SIZE
    assert DataCache(folder, LIMIT).get('a', server('a')) == b'a' * SIZE
    assert server.fetched == ['a']


def test_errors_of_fetching_pass_and_leave_nothing(folder):
    def fail():
        raise FileNotFoundError('absent')

    with pytest.raises(FileNotFoundError):
        DataCache(folder, LIMIT).get('a', fail)
    assert used(folder) == 0


def test_it_never_grows_beyond_its_limit_and_half_of_the_data_spares_half_of_the_reads(folder, server):
    cache = DataCache(folder, LIMIT)
    keys = [str(number) for number in range(20)]
    for order in (keys, keys[::-1], keys[10:] + keys[:10]):
        server.fetched.clear()
        for key in order:
            cache.get(key, server(key))
            assert used(folder) <= LIMIT
    assert len(server.fetched) == 10, 'in a new order each epoch, the same half stays'


def test_what_an_earlier_run_left_makes_room_oldest_use_first(folder, server):
    old = DataCache(folder, LIMIT)
    for key in 'abcdefghij':
        old.get(key, server(key))
    age(folder, 1000)
    cache = DataCache(folder, LIMIT)
    cache.get('a', server('a'))  # used again
    for key in 'xyz':
        cache.get(key, server(key))
    server.fetched.clear()
    for key in 'axyz':
        cache.get(key, server(key))
    assert server.fetched == []
    assert used(folder) <= LIMIT


def test_a_smaller_limit_takes_effect_at_once(folder, server):
    cache = DataCache(folder, LIMIT)
    for key in 'abcdefghij':
        cache.get(key, server(key))
    age(folder, 1000)
    DataCache(folder, 3000)
    assert used(folder) <= 3000


def test_damage_is_found(folder, server):
    cache = DataCache(folder, LIMIT)
    cache.get('a', server('a'))
    for damage in (b'', b'a' * 10, b'b' * 1000):
        cache.path('a').write_bytes(damage)
        assert cache.get('a', server('a')) == b'a' * SIZE
    assert server.fetched == ['a'] * 4


def test_what_a_killed_process_left_goes(folder, server):
    DataCache(folder, LIMIT).get('a', server('a'))
    debris = DataCache(folder, LIMIT).path('a').with_name('.b.123.456')
    debris.write_bytes(b'x' * 500)
    DataCache(folder, LIMIT)
    assert debris.exists(), 'somebody may be at it'
    age(folder, 10_000)
    DataCache(folder, LIMIT)
    assert not debris.exists()
    assert used(folder) == 1000


def test_an_object_larger_than_the_cache_is_not_kept_and_small_ones_still_are(folder, server):
    cache = DataCache(folder, LIMIT)
    assert cache.get('big', lambda: b'x' * 2 * LIMIT) == b'x' * 2 * LIMIT
    cache.get('a', server('a'))
    assert used(folder) == 1000


def test_a_full_disk_costs_the_cache_only(folder, server, monkeypatch, caplog):
    cache = DataCache(folder, LIMIT)
    original = type(folder).write_bytes

    def write(path, content):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(type(folder), 'write_bytes', write)
    for key in 'ab':
        assert cache.get(key, server(key)) == key.encode() * SIZE
    assert caplog.text.count('No space left on device') == 1
    monkeypatch.setattr(type(folder), 'write_bytes', original)


def test_it_leaves_room_on_the_disk(folder, monkeypatch, caplog):
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: namedtuple('Usage', 'total used free')(9e6, 5e6, 4_000_000))
    assert DataCache(folder, 1 << 40).limit == 3_600_000
    assert 'has room for a cache of 3 MiB only' in caplog.text


def _fill(arguments):
    folder, keys = arguments
    cache = DataCache(folder, LIMIT)
    return [cache.get(key, lambda k=key: k.encode() * SIZE)[:1].decode() for key in keys]


def test_processes_share_it(folder):
    keys = 'abcdefghijklmnopqrst'
    with ProcessPoolExecutor(3) as pool:
        results = list(pool.map(_fill, [(folder, keys), (folder, keys[::-1]), (folder, keys)]))
    assert results == [list(keys), list(keys[::-1]), list(keys)]
    assert used(folder) <= LIMIT + 3000, 'those that three processes wrote at once'

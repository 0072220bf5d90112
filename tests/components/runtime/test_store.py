from concurrent.futures import ThreadPoolExecutor

import pytest

from components.runtime import store as stores
from components.runtime.s3 import S3Store
from components.runtime.store import join, open_s3, open_store, read_object, write_json


@pytest.fixture
def store(root):
    return open_store(root)


def test_objects_come_back_as_they_went(store, tmp_path):
    (tmp_path / 'file').write_bytes(b'large')
    store.put(tmp_path / 'file', 'a/b/file')
    store.write('a/small', b'1')
    store.write('a/small', b'2')
    store.get('a/b/file', tmp_path / 'new' / 'copy')
    assert (tmp_path / 'new' / 'copy').read_bytes() == b'large'
    assert store.read('a/small') == b'2'
    assert store.read('a/none') is None
    assert list(store.list()) == [('a/b/file', 5), ('a/small', 1)]
    assert list(store.list('a/b/')) == [('a/b/file', 5)]
    assert list(store.list('a/sm')) == [('a/small', 1)]
    assert list(store.list('nothing/')) == []


def test_putting_again_replaces(store, tmp_path):
    for content in (b'old', b'new', b'new'):
        (tmp_path / 'file').unlink(missing_ok=True)
        (tmp_path / 'file').write_bytes(content)
        store.put(tmp_path / 'file', 'x')
        store.put(tmp_path / 'file', 'x')
    assert store.read('x') == b'new'
    assert [key for key, _ in store.list()] == ['x']


def test_deleting(store):
    store.write('a/x', b'1')
    store.delete('a/x')
    store.delete('a/x')
    assert store.read('a/x') is None
    assert list(store.list()) == []


def test_an_absent_object_cannot_be_fetched(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.get('absent', tmp_path / 'there')
    assert list(tmp_path.glob('there*')) == []


def test_one_of_many_creators_wins(store):
    assert store.create('probe', b'first')
    for number in range(5):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda i, n=number: store.create(f'lock{n}', b'%d' % i), range(8)))
        assert won.count(True) == 1
        assert store.read(f'lock{number}') == b'%d' % won.index(True)
    assert not any('probe-' in key or '.part' in key for key, _ in store.list())


def test_json(store):
    write_json(store, 'x.json', {'a': [1, None]})
    assert read_object(store, 'x.json') == {'a': [1, None]}
    assert read_object(store, 'y.json') is None
    store.write('x.json', b'{"a":')
    with pytest.raises(OSError, match=r'x\.json is no JSON object\. Remove it'):
        read_object(store, 'x.json')


@pytest.mark.parametrize('uri', ['', 'ftp://host/x', 's3://', 's3:///key', 'http://host/runs', 'file://'])
def test_other_places_are_refused(uri):
    with pytest.raises(ValueError, match='is no place to store anything'):
        open_store(uri)


def test_file_uris_are_folders(tmp_path):
    open_store(f'file://{tmp_path}/x').write('a', b'1')
    assert (tmp_path / 'x' / 'a').read_bytes() == b'1'


@pytest.mark.parametrize(
    ('parts', 'joined'),
    [
        (('s3://b', 'c'), 's3://b/c'),
        (('s3://b/c/', '/d/', 'e'), 's3://b/c/d/e'),
        (('x', 'y'), 'x/y'),
        (('/', 'y'), '/y'),
    ],
)
def test_join(parts, joined):
    assert join(*parts) == joined


def test_a_local_store_hides_what_is_being_written(tmp_path):
    (tmp_path / '.weights.safetensors.abc.part').write_text('half')
    assert list(open_store(str(tmp_path)).list()) == []


def test_a_local_store_links_rather_than_copies_and_can_do_without(tmp_path, monkeypatch):
    source = tmp_path / 'source'
    source.write_text('x')
    store = open_store(str(tmp_path / 'store'))
    store.put(source, 'linked')
    assert (tmp_path / 'store/linked').samefile(source)

    def refuse(*_):
        raise PermissionError(1, 'no hard links here')

    monkeypatch.setattr(stores.os, 'link', refuse)
    store.put(source, 'copied')
    assert store.read('copied') == b'x'
    assert not (tmp_path / 'store/copied').samefile(source)
    assert store.create('claim', b'a')
    assert not store.create('claim', b'b')


def test_the_reader_plugin_opens_objects(s3):
    open_store(s3).write('deep/image.jpg', b'jpeg')
    with open_s3(f'{s3}/deep/image.jpg') as file:
        assert file.read() == b'jpeg'
    with pytest.raises(FileNotFoundError, match='does not exist'):
        open_s3(f'{s3}/deep/other.jpg')


def test_large_objects_travel_in_parts(s3, tmp_path):
    content = bytes(range(256)) * (33 << 12)  # 33 MiB
    (tmp_path / 'big').write_bytes(content)
    store = open_store(s3)
    store.put(tmp_path / 'big', 'big')
    store.get('big', tmp_path / 'back')
    assert (tmp_path / 'back').read_bytes() == content


def test_keys_of_several_pages_are_all_listed(s3, monkeypatch):
    monkeypatch.setattr('components.runtime.s3._KEYS_A_PAGE', 3)
    store = open_store(s3)
    for number in range(8):
        store.write(f'k/{number}', b'')
    assert [key for key, _ in store.list('k/')] == [f'k/{number}' for number in range(8)]


class TestGatewayThatIgnoresConditions:
    """Some S3 gateways take ``If-None-Match`` and overwrite all the same, without a word."""

    @pytest.fixture
    def gateway(self, s3, monkeypatch):
        monkeypatch.setattr('components.runtime.s3.time.sleep', lambda _: None)
        client = S3Store(s3)._s3
        put = client.put_object
        monkeypatch.setattr(client, 'put_object', lambda IfNoneMatch=None, **kwargs: put(**kwargs))
        return lambda: S3Store(s3)

    def test_it_is_noticed_and_said(self, gateway, caplog):
        assert gateway().create('x', b'1')
        assert 'ignores conditional puts' in caplog.text

    def test_still_one_creator_wins(self, gateway, monkeypatch):
        """Of two that saw nothing and wrote, the one whose write came last."""
        store = gateway()
        monkeypatch.setattr('components.runtime.s3.time.sleep', lambda _: store.write('lock', b'other'))
        assert not store.create('lock', b'mine')
        monkeypatch.setattr('components.runtime.s3.time.sleep', lambda _: None)
        assert store.create('other lock', b'mine')
        assert not store.create('lock', b'late')
        assert store.read('lock') == b'other'


class TestErrorsSayWhatToDo:
    def test_no_bucket(self, s3):
        with pytest.raises(
            OSError, match=r's3://none-such/x/key: NoSuchBucket .*\. Create the bucket or correct the URI'
        ):
            open_store('s3://none-such/x').write('key', b'')

    def test_no_server(self, s3, monkeypatch):
        monkeypatch.setenv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9')
        monkeypatch.setattr('components.runtime.s3._ATTEMPTS', 1)
        with pytest.raises(OSError, match='Check AWS_ENDPOINT_URL_S3, and that the server runs'):
            open_store('s3://bucket').read('key')

    def test_no_credentials(self, s3, monkeypatch):
        monkeypatch.delenv('AWS_ACCESS_KEY_ID')
        monkeypatch.delenv('AWS_SECRET_ACCESS_KEY')
        monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')
        monkeypatch.setenv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere')
        with pytest.raises(OSError, match='Set AWS_ACCESS_KEY_ID'):
            open_store('s3://bucket').read('key')

    def test_wrong_secret(self, s3, monkeypatch):
        from botocore.exceptions import ClientError

        store = open_store(s3)
        response = {'Error': {'Code': 'AccessDenied', 'Message': 'no'}, 'ResponseMetadata': {'HTTPStatusCode': 403}}

        def refuse(**_):
            raise ClientError(response, 'GetObject')

        monkeypatch.setattr(store._s3, 'get_object', refuse)
        with pytest.raises(OSError, match=r'AccessDenied no\. Check AWS_ACCESS_KEY_ID'):
            store.read('key')

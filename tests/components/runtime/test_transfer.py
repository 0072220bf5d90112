"""Large objects in parts, with a process that is killed half-way and connections that break."""

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError

from components.runtime import transfer
from components.runtime.s3 import S3Store
from components.runtime.transfer import patiently

PART = 5 << 20  # the smallest that S3 takes


@pytest.fixture
def store(s3, monkeypatch):
    monkeypatch.setattr(transfer, 'PART', PART)
    monkeypatch.setattr(transfer, '_PAUSE', 0.0)
    return S3Store(s3)


@pytest.fixture
def big(tmp_path):
    """A file of four parts, the last one short, each of other content."""
    path = tmp_path / 'big'
    path.write_bytes(b''.join(bytes([65 + n]) * PART for n in range(3)) + b'end')
    return path


@pytest.fixture
def requests(store, monkeypatch):
    """The operations that the server was asked for; ``fail`` in it names one that is refused from then on."""

    class Requests(list):
        fail: str | None = None

    seen = Requests()

    def note(params, model, **_):
        if model.name == seen.fail and params.get('url_path') is not None:
            number = re.search(r'partNumber=(\d+)', str(params.get('url', '')))
            if number is None or int(number[1]) > 2:
                raise KeyboardInterrupt
        seen.append(model.name)

    store._s3.meta.events.register('before-call.s3', note)
    yield seen
    store._s3.meta.events.unregister('before-call.s3', note)


def test_there_and_back(store, big, tmp_path, requests):
    store.put(big, 'big')
    assert requests.count('UploadPart') == 4
    store.get('big', tmp_path / 'new' / 'back')
    assert (tmp_path / 'new' / 'back').read_bytes() == big.read_bytes()
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['back']


@pytest.mark.parametrize('size', [0, 1, PART, PART + 1])
def test_every_size(store, tmp_path, size):
    (tmp_path / 'x').write_bytes(b'x' * size)
    store.put(tmp_path / 'x', 'x')
    store.get('x', tmp_path / 'y')
    assert (tmp_path / 'y').stat().st_size == size


def test_an_upload_goes_on_where_a_killed_process_stopped(store, big, requests, monkeypatch):
    monkeypatch.setattr(transfer, '_THREADS', 1)
    requests.fail = 'UploadPart'
    with pytest.raises(KeyboardInterrupt):
        store.put(big, 'big')
    assert store.read('big') is None, 'half an object is none'
    requests.fail = None
    requests.clear()
    store.put(big, 'big')
    assert requests.count('UploadPart') == 2
    assert requests.count('CreateMultipartUpload') == 0
    assert store.read('big') == big.read_bytes()


def test_parts_of_another_content_are_sent_again(store, big, requests, monkeypatch):
    monkeypatch.setattr(transfer, '_THREADS', 1)
    requests.fail = 'UploadPart'
    with pytest.raises(KeyboardInterrupt):
        store.put(big, 'big')
    requests.fail = None
    requests.clear()
    big.write_bytes(big.read_bytes().replace(b'A', b'z'))
    store.put(big, 'big')
    assert requests.count('UploadPart') == 3
    assert store.read('big') == big.read_bytes()


def test_of_two_that_send_the_same_one_ends_it_and_both_are_content(store, big, monkeypatch):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.put(big, 'big'), range(4)))
    assert store.read('big') == big.read_bytes()


def test_a_download_goes_on_where_a_killed_process_stopped(store, big, tmp_path, monkeypatch):
    store.put(big, 'big')
    fetched = []
    original = transfer.RemoteObject.part

    def part(remote, etag, start, length):
        if len(fetched) == 2:
            raise KeyboardInterrupt
        fetched.append(start)
        return original(remote, etag, start, length)

    monkeypatch.setattr(transfer, '_THREADS', 1)
    with monkeypatch.context() as patch:
        patch.setattr(transfer.RemoteObject, 'part', part)
        with pytest.raises(KeyboardInterrupt):
            store.get('big', tmp_path / 'back' / 'file')
    assert not (tmp_path / 'back' / 'file').exists()

    def count(remote, etag, start, length):
        fetched.append(start)
        return original(remote, etag, start, length)

    monkeypatch.setattr(transfer.RemoteObject, 'part', count)
    store.get('big', tmp_path / 'back' / 'file')
    assert sorted(fetched) == [0, PART, 2 * PART, 3 * PART], 'no part twice'
    assert (tmp_path / 'back' / 'file').read_bytes() == big.read_bytes()


def test_several_that_fetch_into_the_same_file(store, big, tmp_path):
    store.put(big, 'big')
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: store.get('big', tmp_path / 'back' / 'file'), range(3)))
    assert (tmp_path / 'back' / 'file').read_bytes() == big.read_bytes()
    assert [path.name for path in (tmp_path / 'back').iterdir()] == ['file']


def test_parts_of_an_older_object_are_dropped(store, big, tmp_path, monkeypatch):
    store.put(big, 'big')
    journal = tmp_path / 'back' / '.file.parts.part'
    journal.parent.mkdir()
    facts = {'version': '"old"', 'size': big.stat().st_size, 'part': PART, 'done': [0, 1]}
    journal.write_text(json.dumps(facts))
    (tmp_path / 'back' / '.file.part').write_bytes(b'old' * PART)
    store.get('big', tmp_path / 'back' / 'file')
    assert (
        hashlib.sha256((tmp_path / 'back' / 'file').read_bytes()).digest() == hashlib.sha256(big.read_bytes()).digest()
    )


def test_an_object_that_is_replaced_meanwhile_is_not_mixed(store, big, tmp_path, monkeypatch):
    store.put(big, 'big')
    original = transfer.RemoteObject.part

    def replace(remote, etag, start, length):
        if start == 0:
            remote.s3.put_object(Bucket=remote.bucket, Key=remote.key, Body=b'z' * big.stat().st_size)
        return original(remote, etag, start, length)

    monkeypatch.setattr(transfer, '_THREADS', 1)
    monkeypatch.setattr(transfer.RemoteObject, 'part', replace)
    with pytest.raises(OSError, match=r'was replaced while it was fetched\. Run the same command again'):
        store.get('big', tmp_path / 'file')
    assert not (tmp_path / 'file').exists()


def test_a_connection_that_breaks_is_tried_again_and_given_up_in_the_end(monkeypatch):
    monkeypatch.setattr(transfer, '_PAUSE', 0.0)
    answers = [IncompleteReadError(actual_bytes=1, expected_bytes=2), ReadTimeoutError(endpoint_url='x'), b'done']

    def call():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(call) == b'done'
    answers[:] = [ReadTimeoutError(endpoint_url='x')] * 100
    with pytest.raises(ReadTimeoutError):
        patiently(call)
    assert len(answers) == 100 - transfer._ATTEMPTS


def test_a_refusal_is_not_tried_again():
    calls = []

    def refuse():
        calls.append(1)
        raise ClientError({'Error': {'Code': 'AccessDenied'}}, 'GetObject')

    with pytest.raises(ClientError):
        patiently(refuse)
    assert len(calls) == 1

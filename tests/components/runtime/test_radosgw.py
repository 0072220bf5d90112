"""What only a real S3 server shows: racing processes, a killed server, credentials, many and large objects."""

import hashlib
import os
import subprocess
import sys
import threading
import time

import pytest

from components.runtime import transfer
from components.runtime.store import open_store

pytestmark = pytest.mark.s3

RACER = """
import sys
from components.runtime.store import open_store
store, name = open_store(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
print(sum(store.create(f'lock{n}', f'{name} {n}'.encode()) for n in range(10)))
"""


def test_of_racing_processes_one_wins_each_key(radosgw):
    racers = [
        subprocess.Popen(
            [sys.executable, '-c', RACER, radosgw, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for racer in racers:
        racer.stdin.write('go\n')
        racer.stdin.flush()
    won = [int(racer.communicate(timeout=120)[0]) for racer in racers]
    assert sum(won) == 10
    assert not any('probe' in key for key, _ in open_store(radosgw).list())


def test_a_wrong_secret(radosgw, monkeypatch):
    monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'wrong')
    with pytest.raises(OSError, match=r'SignatureDoesNotMatch.*Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY'):
        open_store(radosgw).read('key')


def test_an_unknown_user(radosgw, monkeypatch):
    monkeypatch.setenv('AWS_ACCESS_KEY_ID', 'nobody')
    with pytest.raises(OSError, match=r'InvalidAccessKeyId.*Check AWS_ACCESS_KEY_ID'):
        open_store(radosgw).write('key', b'')


def test_a_missing_bucket(radosgw):
    for call in (
        lambda store: store.write('key', b''),
        lambda store: store.read('key'),
        lambda store: list(store.list()),
        lambda store: store.create('key', b'1'),
    ):
        with pytest.raises(OSError, match=r'NoSuchBucket.*Create the bucket or correct the URI'):
            call(open_store('s3://no-such-bucket/x'))


def test_a_bucket_without_rights(radosgw, ceph):
    import boto3

    bucket = radosgw.removeprefix('s3://')
    everything = f'arn:aws:s3:::{bucket}/*'
    statement = f'{{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "{everything}"}}'
    policy = f'{{"Version": "2012-10-17", "Statement": [{statement}]}}'
    boto3.Session().client('s3').put_bucket_policy(Bucket=bucket, Policy=policy)
    store = open_store(radosgw)
    assert store.read('absent') is None
    with pytest.raises(OSError, match=r'AccessDenied.*the rights on the bucket'):
        store.write('key', b'')


@pytest.mark.parametrize('direction', ['put', 'get'])
def test_a_server_that_is_killed_half_way_and_comes_back(ceph, radosgw, tmp_path, monkeypatch, direction):
    monkeypatch.setattr(transfer, 'PART', 5 << 20)
    content = os.urandom(60 << 20)
    (tmp_path / 'big').write_bytes(content)
    store = open_store(radosgw)
    if direction == 'get':
        store.put(tmp_path / 'big', 'big')
    moved = threading.Event()
    monkeypatch.setattr(transfer.Progress, 'add', lambda *_: moved.set())
    errors = []

    def work():
        try:
            store.put(tmp_path / 'big', 'big') if direction == 'put' else store.get('big', tmp_path / 'back')
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert moved.wait(60)
    ceph.kill()
    time.sleep(1.0)
    ceph.start()
    thread.join(120)
    if errors:  # out of patience: the next attempt, which every caller makes, goes on
        work()
    if direction == 'put':
        store.get('big', tmp_path / 'back')
    assert (tmp_path / 'back').read_bytes() == content


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_gigabyte_with_little_memory(radosgw, tmp_path):
    """In a process of its own, whose peak of memory is known."""
    program = f"""
import resource, sys, time
from pathlib import Path
from components.runtime.store import open_store
store = open_store('{radosgw}')
store.write('warm', b'')
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for call in (lambda: store.put(Path('{tmp_path}/big'), 'big'), lambda: store.get('big', Path('{tmp_path}/back'))):
    began = time.monotonic()
    call()
    print('seconds', round(time.monotonic() - began, 1), file=sys.stderr)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    with (tmp_path / 'big').open('wb') as file:
        for _ in range(64):
            file.write(os.urandom(16 << 20))
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    print(done.stderr, done.stdout)
    assert int(done.stdout) < 200, 'MiB'
    digests = [hashlib.file_digest((tmp_path / name).open('rb'), 'sha256').hexdigest() for name in ('big', 'back')]
    assert digests[0] == digests[1]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_ten_thousand_keys(radosgw):
    from concurrent.futures import ThreadPoolExecutor

    store = open_store(f'{radosgw}/deep')
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.write(f'k/{n:05d}', b'x'), range(10_000)))
    written = time.monotonic()
    assert [key for key, _ in store.list('k/')] == [f'k/{n:05d}' for n in range(10_000)]
    print(f'written in {written - began:.1f} s, listed in {time.monotonic() - written:.2f} s')

"""Large objects to and from S3 in parts: bounded memory, each part retried, continued where a killed process stopped.

An upload that broke off lies on the server as a list of parts; those whose MD5 is that of the file's part are not sent
again. A download that broke off lies beside its target, see `components.runtime.partial`.
"""

import contextlib
import hashlib
import io
import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError

from pifpaf_core.files import write_atomically

from .partial import PartialFile
from .progress import Progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOG = logging.getLogger(__name__)
PART = 16 << 20
_THREADS = 4  # so that at most _THREADS * PART bytes are in memory
_MAX_PARTS = 10_000
_ATTEMPTS = 5
_PAUSE = 0.5
_BROKEN = (IncompleteReadError, HTTPClientError, ConnectionError)

T = TypeVar('T')
R = TypeVar('R')


@dataclass(frozen=True)
class RemoteObject:
    """One object of a bucket."""

    s3: 'S3Client'
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """For people."""
        return f's3://{self.bucket}/{self.key}'

    def part(self, etag: str, start: int, length: int) -> bytes:
        """Some bytes of the version ``etag`` of the object."""

        def once() -> bytes:
            span = f'bytes={start}-{start + length - 1}'
            answer = self.s3.get_object(Bucket=self.bucket, Key=self.key, Range=span, IfMatch=etag)
            return answer['Body'].read()

        return patiently(once)


def patiently(call: Callable[[], R]) -> R:
    """``call`` again, with growing pauses, when a connection broke while an answer was read: boto3 itself does not."""
    for attempt in range(_ATTEMPTS - 1):
        try:
            return call()
        except _BROKEN as error:
            LOG.debug('trying again: %s', error)
            time.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1.0))
    return call()


def read(remote: RemoteObject) -> bytes:
    """The content of a small object."""
    return patiently(lambda: remote.s3.get_object(Bucket=remote.bucket, Key=remote.key)['Body'].read())


def upload(remote: RemoteObject, path: Path) -> None:
    """Send a file, which must not change meanwhile; large ones in parts."""
    size = path.stat().st_size
    if size <= PART:
        remote.s3.put_object(Bucket=remote.bucket, Key=remote.key, Body=path.read_bytes())
        return
    part = max(PART, -(-size // _MAX_PARTS))
    begun = _begun_upload(remote)
    identity = begun or remote.s3.create_multipart_upload(Bucket=remote.bucket, Key=remote.key)['UploadId']
    done = _sent_parts(remote, begun, path, part) if begun else {}
    progress = Progress(f'sending {remote.uri}', size, start=len(done) * part)

    def send(number: int) -> tuple[int, str]:
        body = _part(path, part, number)
        etag = remote.s3.upload_part(
            Bucket=remote.bucket, Key=remote.key, UploadId=identity, PartNumber=number, Body=body
        )['ETag']
        progress.add(len(body))
        return number, etag

    missing = [number for number in range(1, -(-size // part) + 1) if number not in done]
    with _explained_race(remote, size):
        done |= dict(_side_by_side(send, missing))
        remote.s3.complete_multipart_upload(
            Bucket=remote.bucket,
            Key=remote.key,
            UploadId=identity,
            MultipartUpload={'Parts': [{'PartNumber': n, 'ETag': done[n]} for n in sorted(done)]},
        )


def download(remote: RemoteObject, path: Path) -> None:
    """Bring an object into ``path``, whole or not at all, large ones in parts; missing folders are made.

    Raises:
        OSError: the disk cannot take it, or the object was replaced meanwhile.
    """
    answer = remote.s3.get_object(Bucket=remote.bucket, Key=remote.key)
    size, etag = answer['ContentLength'], answer['ETag']
    if size <= PART:
        try:
            content = answer['Body'].read()
        except _BROKEN:
            content = read(remote)
        write_atomically(path, content)
        return
    answer['Body'].close()
    with PartialFile(path, version=etag, size=size, part=PART) as partial:
        progress = Progress(f'fetching {remote.uri}', size, start=partial.n_bytes)

        def fetch(number: int) -> None:
            start, length = partial.span(number)
            partial.put(number, remote.part(etag, start, length))
            progress.add(length)

        try:
            list(_side_by_side(fetch, partial.missing))
        except ClientError as error:
            if error.response['ResponseMetadata']['HTTPStatusCode'] == 412:
                raise OSError(f'{remote.uri} was replaced while it was fetched. Run the same command again') from error
            raise
        partial.finish()


def opened(remote: RemoteObject) -> BinaryIO:
    """An object to read: a small one in memory, a large one as a file that goes when it is closed."""
    answer = remote.s3.get_object(Bucket=remote.bucket, Key=remote.key)
    if answer['ContentLength'] <= PART:
        try:
            return io.BytesIO(answer['Body'].read())
        except _BROKEN:
            return io.BytesIO(read(remote))
    answer['Body'].close()
    with tempfile.TemporaryDirectory(prefix='pifpaf-') as folder:
        path = Path(folder, 'object')
        download(remote, path)
        return path.open('rb')


def _begun_upload(remote: RemoteObject) -> str | None:
    """The latest upload of this object that was begun and not ended; None where the server keeps no such list."""
    with contextlib.suppress(ClientError):
        answer = remote.s3.list_multipart_uploads(Bucket=remote.bucket, Prefix=remote.key)
        found = [item for item in answer.get('Uploads', []) if item['Key'] == remote.key]
        if found:
            return max(found, key=lambda item: item['Initiated'])['UploadId']
    return None


def _sent_parts(remote: RemoteObject, identity: str, path: Path, part: int) -> dict[int, str]:
    """{number: ETag} of the parts that are there and are those of the file."""
    done = {}
    pages = remote.s3.get_paginator('list_parts').paginate(Bucket=remote.bucket, Key=remote.key, UploadId=identity)
    for item in (item for page in pages for item in page.get('Parts', [])):
        body = _part(path, part, item['PartNumber'])
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if len(body) == item['Size'] and item['ETag'].strip('"') == digest:
            done[item['PartNumber']] = item['ETag']
    return done


def _part(path: Path, part: int, number: int) -> bytes:
    with path.open('rb') as file:
        file.seek((number - 1) * part)
        return file.read(part)


@contextlib.contextmanager
def _explained_race(remote: RemoteObject, size: int) -> Iterator[None]:
    """Two processes that send the same content under the same key continue one upload; one of them ends it."""
    try:
        yield
    except remote.s3.exceptions.NoSuchUpload:
        if remote.s3.head_object(Bucket=remote.bucket, Key=remote.key)['ContentLength'] != size:
            raise


def _side_by_side(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    pool = ThreadPoolExecutor(_THREADS)
    try:
        return list(pool.map(call, items))
    finally:
        pool.shutdown(cancel_futures=True)

"""A bucket's prefix as a store. Endpoint, region and credentials come from the standard environment (``AWS_*``)."""

import contextlib
import functools
import io
import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from . import transfer
from .store import join
from .transfer import RemoteObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOG = logging.getLogger(__name__)
_SETTLE_SECONDS = 2.0
_CONFLICT_SECONDS = 30.0
_ATTEMPTS = 8
_KEYS_A_PAGE = 1000
_REMEDIES = {
    'NoSuchBucket': 'Create the bucket or correct the URI',
    'EndpointConnectionError': 'Check AWS_ENDPOINT_URL_S3, and that the server runs',
    'ConnectTimeoutError': 'Check AWS_ENDPOINT_URL_S3, and that the server runs',
    'NoCredentialsError': 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    'RequestTimeTooSkewed': 'Set the clock of this machine',
    'AuthorizationHeaderMalformed': "Set AWS_REGION to the bucket's region",
    'PermanentRedirect': "Set AWS_REGION to the bucket's region",
    'QuotaExceeded': 'Make room on the server, or raise the quota',
}
_REMEDIES |= dict.fromkeys(
    ('AccessDenied', 'Forbidden', '403', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'),
    'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights on the bucket',
)


class S3Store:
    """See `components.runtime.store.Store`.

    Args:
        uri: ``s3://bucket/prefix``; the prefix may be empty.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip('/')
        self._bucket, _, self._prefix = self.uri.removeprefix('s3://').partition('/')
        settings = frozenset(item for item in os.environ.items() if item[0].startswith('AWS_'))
        self._s3 = _client(settings, _ATTEMPTS, os.getpid())
        self._is_conditional: bool | None = None

    def put(self, path: Path, key: str) -> None:
        """See `Store.put`. Large files go up in parts; what a killed process sent of one is not sent again."""
        with self._explained(key):
            transfer.upload(self._object(key), path)

    def get(self, key: str, path: Path) -> None:
        """See `Store.get`. Large objects come in parts; what a killed process fetched of one is not fetched again."""
        with self._explained(key):
            transfer.download(self._object(key), path)

    def write(self, key: str, data: bytes) -> None:
        """See `Store.write`."""
        with self._explained(key):
            self._s3.put_object(Bucket=self._bucket, Key=self._key(key), Body=data)

    def create(self, key: str, data: bytes) -> bool:
        """See `Store.create`: a conditional put where the server honours it, which is probed once."""
        if self._is_conditional is None:
            self._is_conditional = self._probe()
        return self._put_if_absent(key, data) if self._is_conditional else self._create_unconditionally(key, data)

    def read(self, key: str) -> bytes | None:
        """See `Store.read`."""
        try:
            with self._explained(key):
                return transfer.read(self._object(key))
        except FileNotFoundError:
            return None

    def list(self, prefix: str = '') -> Iterator[tuple[str, int]]:
        """See `Store.list`."""
        yield from ((key, size) for key, size, _ in self._listed(prefix))

    def open(self, key: str) -> BinaryIO:
        """An object to read; a large one comes as a temporary file. FileNotFoundError where there is none.

        Of a key that is empty or ends with a slash the listing: a line of ETag and name for each object below.
        """
        if not key or key.endswith('/'):
            rows = (f'{etag} {name.removeprefix(key)}\n' for name, _, etag in self._listed(key))
            return io.BytesIO(''.join(rows).encode())
        with self._explained(key):
            return transfer.opened(self._object(key))

    def _listed(self, prefix: str) -> Iterator[tuple[str, int, str]]:
        """(key, size, ETag) of the objects whose key starts with ``prefix``, sorted by key."""
        start = f'{self._prefix}/' if self._prefix else ''
        with self._explained(prefix):
            paginator = self._s3.get_paginator('list_objects_v2')
            pages = paginator.paginate(
                Bucket=self._bucket, Prefix=start + prefix, PaginationConfig={'PageSize': _KEYS_A_PAGE}
            )
            for page in pages:
                for item in page.get('Contents', []):
                    yield item['Key'].removeprefix(start), item['Size'], item['ETag'].strip('"')

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        with self._explained(key):
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(key))

    def _key(self, key: str) -> str:
        return f'{self._prefix}/{key}' if self._prefix else key

    def _object(self, key: str) -> RemoteObject:
        return RemoteObject(self._s3, self._bucket, self._key(key))

    def _put_if_absent(self, key: str, data: bytes) -> bool:
        end = time.monotonic() + _CONFLICT_SECONDS
        while True:
            try:
                with self._explained(key):
                    self._s3.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, IfNoneMatch='*')
                return True
            except FileExistsError as error:
                return _was_repeated(error) and self.read(key) == data
            except BlockingIOError:  # 409: another writer is at it; its outcome decides
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _probe(self) -> bool:
        """Whether the server honours ``If-None-Match``: some gateways ignore it, a few refuse it."""
        key = f'.probe-{uuid.uuid4().hex}'
        try:
            is_conditional = self._put_if_absent(key, b'1') and not self._put_if_absent(key, b'2')
        except _NotOfferedError:
            is_conditional = False
        finally:
            self.delete(key)
        if not is_conditional:
            LOG.warning(
                '%s: the server ignores conditional puts, so claims are settled by waiting %g s for the last writer',
                self.uri,
                _SETTLE_SECONDS,
            )
        return is_conditional

    def _create_unconditionally(self, key: str, data: bytes) -> bool:
        """The last of several writers wins: write, let everybody's write arrive, and see whose is there.

        A write that took longer than the others wait counts as lost, for one of them may believe that it has won.
        """
        began = time.monotonic()
        if self.read(key) is not None:
            return False
        self.write(key, data)
        if time.monotonic() - began > _SETTLE_SECONDS:
            return False
        time.sleep(_SETTLE_SECONDS)
        return self.read(key) == data

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """Turn errors of boto3 into OSErrors that name the object and a remedy."""
        try:
            yield
        except (ClientError, BotoCoreError, Boto3Error) as error:
            raise _explanation(join(self.uri, key), error) from error


class _NotOfferedError(OSError):
    """The server has no such operation."""


def _was_repeated(error: OSError) -> bool:
    """Whether boto3 sent the request again: then the object that is in the way may be our own."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response['ResponseMetadata'].get('RetryAttempts', 0) > 0


@functools.lru_cache(maxsize=4)
def _client(environment: frozenset[tuple[str, str]], attempts: int, process: int) -> 'S3Client':
    """A client for S3 and what is compatible with it: no checksum trailers, which older servers refuse.

    Making one takes a quarter of a second, so stores with the same ``environment`` share theirs; but not with a process
    that was forked, whose connections would be the same ones.
    """
    # servers of one's own seldom have a host name for each bucket; for Amazon's, boto3 and ~/.aws/config know best
    has_endpoint = any(name.startswith('AWS_ENDPOINT_URL') for name, _ in environment)
    config = Config(
        signature_version='s3v4',
        s3={'addressing_style': 'path'} if has_endpoint else None,
        max_pool_connections=32,
        connect_timeout=5,
        read_timeout=60,
        retries={'mode': 'standard', 'max_attempts': attempts},
        request_checksum_calculation='when_required',
        response_checksum_validation='when_required',
    )
    return boto3.Session().client('s3', config=config)  # not the shared session, which keeps old credentials


def _explanation(uri: str, error: Exception) -> OSError:
    cause = error.__cause__ or error.__context__ if isinstance(error, Boto3Error) else error
    if not isinstance(cause, ClientError):
        name = type(cause).__name__
        return OSError(f'{uri}: {error}. {_REMEDIES.get(name, "Check AWS_ENDPOINT_URL_S3 and the network")}')
    code = cause.response['Error'].get('Code', '')
    status = cause.response['ResponseMetadata']['HTTPStatusCode']
    if status == 412:
        return FileExistsError(uri)
    if status == 409:
        return BlockingIOError(f'{uri}: others write it at the same time. Try again')
    if status == 501:
        return _NotOfferedError(f'{uri}: the server does not offer this. Use another server')
    if code in ('NoSuchKey', '404', 'NotFound'):
        return FileNotFoundError(f'{uri} does not exist. Check the URI')
    message = cause.response['Error'].get('Message', '')
    return OSError(
        f'{uri}: {code} {message}. {_REMEDIES.get(code, "Try again; the server log says more")}'.replace('..', '.')
    )

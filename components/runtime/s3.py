"""A bucket's prefix as a store. Endpoint, region and credentials come from the standard environment (``AWS_*``)."""

import contextlib
import functools
import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pifpaf_core.files import atomic_path

from .store import join

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOG = logging.getLogger(__name__)
MIB = 1 << 20
_TRANSFER = TransferConfig(multipart_threshold=16 * MIB, multipart_chunksize=16 * MIB, max_concurrency=4)
_SETTLE_SECONDS = 2.0
_ATTEMPTS = 8
_KEYS_A_PAGE = 1000
_REMEDIES = {
    'NoSuchBucket': 'Create the bucket or correct the URI',
    'EndpointConnectionError': 'Check AWS_ENDPOINT_URL_S3, and that the server runs',
    'ConnectTimeoutError': 'Check AWS_ENDPOINT_URL_S3, and that the server runs',
    'NoCredentialsError': 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
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
        self._s3 = _client(frozenset(item for item in os.environ.items() if item[0].startswith('AWS_')), _ATTEMPTS)
        self._is_conditional: bool | None = None

    def put(self, path: Path, key: str) -> None:
        """See `Store.put`. Large files go up in parts."""
        with self._explained(key):
            self._s3.upload_file(str(path), self._bucket, self._key(key), Config=_TRANSFER)

    def get(self, key: str, path: Path) -> None:
        """See `Store.get`."""
        with self._explained(key), atomic_path(path) as temporary:
            self._s3.download_file(self._bucket, self._key(key), str(temporary), Config=_TRANSFER)

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
                return self._s3.get_object(Bucket=self._bucket, Key=self._key(key))['Body'].read()
        except FileNotFoundError:
            return None

    def list(self, prefix: str = '') -> Iterator[tuple[str, int]]:
        """See `Store.list`."""
        start = f'{self._prefix}/' if self._prefix else ''
        with self._explained(prefix):
            paginator = self._s3.get_paginator('list_objects_v2')
            pages = paginator.paginate(
                Bucket=self._bucket, Prefix=start + prefix, PaginationConfig={'PageSize': _KEYS_A_PAGE}
            )
            for page in pages:
                for item in page.get('Contents', []):
                    yield item['Key'].removeprefix(start), item['Size']

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        with self._explained(key):
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(key))

    def _key(self, key: str) -> str:
        return f'{self._prefix}/{key}' if self._prefix else key

    def _put_if_absent(self, key: str, data: bytes) -> bool:
        while True:
            try:
                with self._explained(key):
                    self._s3.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, IfNoneMatch='*')
                return True
            except FileExistsError:
                return False
            except BlockingIOError:  # 409: another writer is at it; its outcome decides
                time.sleep(0.1)

    def _probe(self) -> bool:
        """Whether the server honours ``If-None-Match``: some gateways ignore it without a word."""
        key = f'.probe-{uuid.uuid4().hex}'
        try:
            is_conditional = self._put_if_absent(key, b'') and not self._put_if_absent(key, b'')
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

        ``data`` must differ between writers, as a claim that names its owner does.
        """
        if self.read(key) is not None:
            return False
        self.write(key, data)
        time.sleep(_SETTLE_SECONDS)
        return self.read(key) == data

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """Turn errors of boto3 into OSErrors that name the object and a remedy."""
        try:
            yield
        except (ClientError, BotoCoreError, Boto3Error) as error:
            raise _explanation(join(self.uri, key), error) from error


@functools.lru_cache(maxsize=4)
def _client(environment: frozenset[tuple[str, str]], attempts: int) -> 'S3Client':
    """A client for S3 and what is compatible with it: path-style, no checksum trailers that older servers refuse.

    Making one takes a quarter of a second, so stores with the same ``environment`` share theirs.
    """
    config = Config(
        signature_version='s3v4',
        s3={'addressing_style': 'path'},
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
        return BlockingIOError(uri)
    if code in ('NoSuchKey', '404', 'NotFound'):
        return FileNotFoundError(f'{uri} does not exist. Check the URI')
    message = cause.response['Error'].get('Message', '')
    return OSError(
        f'{uri}: {code} {message}. {_REMEDIES.get(code, "Try again; the server log says more")}'.replace('..', '.')
    )

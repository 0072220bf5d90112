"""The store: whether it can be written, read, listed, and claimed in; and whether its clock is ours."""

import email.utils
import os
import time
import uuid
from collections.abc import Mapping
from typing import Any

from components.runtime.store import open_store

from .finding import Finding, failed, ok, skipped, warning

_SKEW, _WORST_SKEW = 30.0, 300.0
_REMEDIES = {
    'NoSuchBucket': 'Create the bucket, or correct --run-root',
    'InvalidAccessKeyId': 'Check AWS_ACCESS_KEY_ID, or the secret pifpaf-s3',
    'SignatureDoesNotMatch': 'Check AWS_SECRET_ACCESS_KEY, or the secret pifpaf-s3',
    'AccessDenied': 'Give the key the rights to put, get, list and delete below --run-root',
    'RequestTimeTooSkewed': 'Set the clock of this machine',
    'SlowDown': 'Ask less of the server at once, or give it more resources',
}
_ELSE = 'Check AWS_ENDPOINT_URL_S3, AWS_REGION, the keys, and that the server runs'


def check(run_root: str) -> list[Finding]:
    """All checks of the store."""
    if not run_root:
        return [skipped('store', 'no --run-root is given')]
    return _s3(run_root) if run_root.startswith('s3://') else [_folder(run_root)]


def _folder(run_root: str) -> Finding:
    store, key = open_store(run_root), f'.doctor-{uuid.uuid4().hex}'
    try:
        store.write(key, b'1')
        store.delete(key)
    except OSError as error:
        return failed('store', f'{run_root}: {error}', 'Choose a folder that can be written')
    return ok('store', f'{run_root} can be written')


def _s3(run_root: str) -> list[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = run_root.removeprefix('s3://').partition('/')
    place = {'Bucket': bucket, 'Key': '/'.join(filter(None, (prefix.strip('/'), f'.doctor-{uuid.uuid4().hex}')))}
    try:
        client = _client()
        began = time.time()
        answer = client.put_object(**place, Body=b'1')
        passed = time.time() - began
        client.get_object(**place)['Body'].read()
        client.list_objects_v2(Bucket=bucket, Prefix=place['Key'])
        conditional = _conditional(client, place)
        client.delete_object(**place)
    except ClientError as error:
        code = str(error.response.get('Error', {}).get('Code', ''))
        return [failed('store', f'{run_root}: {_line(error)}', _REMEDIES.get(code, _ELSE))]
    except (BotoCoreError, OSError, ValueError) as error:
        return [failed('store', f'{run_root}: {_line(error)}', _ELSE)]
    where = os.environ.get('AWS_ENDPOINT_URL_S3') or 'Amazon'
    written = ok('store', f'{run_root} at {where}: written, read, listed and deleted in {passed:.2f} s a put')
    return [written, conditional, skew('clock against the store', answer['ResponseMetadata']['HTTPHeaders'], began)]


def _conditional(client: Any, place: Mapping[str, str]) -> Finding:
    """A put with ``If-None-Match`` on an object that is there must be refused."""
    from botocore.exceptions import ClientError

    try:
        client.put_object(**place, Body=b'2', IfNoneMatch='*')
    except ClientError as error:
        status = error.response.get('ResponseMetadata', {}).get('HTTPStatusCode')
        if status == 412:
            return ok('conditional puts', 'hold: of several evaluators one gets an epoch')
        return warning('conditional puts', f'are refused: {_line(error)}', _ONE)
    return warning('conditional puts', 'are ignored by this server', _ONE)


_ONE = 'Nothing has to be done: claims are settled by the last writer, two seconds later. A newer server does better'


def skew(name: str, headers: Mapping[str, str], now: float) -> Finding:
    """How far our clock is from a server's, by its ``Date`` header.

    Args:
        name: of the check.
        headers: of an answer, names in lower case.
        now: our time when it was asked for.
    """
    date = headers.get('date')
    if not date:
        return skipped(name, 'the server does not tell the time')
    seconds = now - email.utils.parsedate_to_datetime(date).timestamp()
    detail = f'{abs(seconds):.0f} s {"ahead" if seconds > 0 else "behind"}'
    remedy = 'Set the clocks by NTP: S3 refuses requests that are 15 minutes off'
    if abs(seconds) > _WORST_SKEW:
        return failed(name, detail, remedy)
    return warning(name, detail, remedy) if abs(seconds) > _SKEW else ok(name, detail)


def _client() -> Any:
    """A client that gives up early: a doctor must not wait for minutes."""
    import boto3
    from botocore.config import Config

    has_endpoint = bool(os.environ.get('AWS_ENDPOINT_URL_S3') or os.environ.get('AWS_ENDPOINT_URL'))
    config = Config(
        connect_timeout=5, read_timeout=15, retries={'total_max_attempts': 2}, signature_version='s3v4',
        s3={'addressing_style': 'path' if has_endpoint else 'auto'}, request_checksum_calculation='when_required',
    )  # fmt: skip
    return boto3.client('s3', config=config)


def _line(error: BaseException) -> str:
    return ' '.join(str(error).split())[:250].rstrip('.')

"""Fetching large files over a connection that breaks: resumed where it broke, and checked against size and digest."""

import contextlib
import http.client
import logging
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from .. import files
from .progress import Progress

LOG = logging.getLogger(__name__)
SCHEMES = ('http', 'https', 'file')
_CHUNK = 1 << 20
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r'^bytes (?P<start>\d+)-\d+/(?P<total>\d+|\*)$')


@dataclass(frozen=True)
class Expected:
    """What a file should be: None where it is not known."""

    n_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        attempts: failures in a row, without a byte of progress between them, before giving up.
        timeout: seconds without an answer that count as a failure.
        pause: seconds before the second attempt; doubled each time, up to 30. A tenth of it after some progress.
    """

    attempts: int = 6
    timeout: float = 60.0
    pause: float = 1.0


def check_address(address: str) -> None:
    """Raise ``ValueError`` unless ``address`` is of a scheme that can be fetched and holds no password."""
    try:
        parts = urllib.parse.urlsplit(address)
        sound = parts.port != 0 and all(character.isprintable() for character in address)  # the port: a number or none
    except ValueError:
        sound = False
    if not sound:
        raise ValueError('the address is malformed. Use http://host/path, https://host/path or file:///path')
    if parts.scheme not in SCHEMES:
        raise ValueError(
            f"'{without_secrets(address)}' cannot be fetched: scheme '{parts.scheme}'. Use http://, https:// or file://"
        )
    if '@' in parts.netloc:
        raise ValueError(
            f"'{without_secrets(address)}' was given with a user or password, which would end up in logs. "
            'Fetch the file by other means and give its path'
        )


def without_secrets(address: str) -> str:
    """The address for messages and manifests: without user, password, and the query that signed addresses carry."""
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition('@')[2], query='', fragment=''))


def file_name(address: str) -> str:
    """What the file at an address is called on disk."""
    return urllib.parse.urlsplit(address).path.rpartition('/')[2] or 'archive'


def local_path(address: str) -> Path:
    """The path that a ``file://`` address or a plain path names."""
    if not address.startswith('file:'):
        return Path(address)
    return Path(urllib.request.url2pathname(urllib.parse.urlsplit(address).path))


def fetch(address: str, target: Path, *, expected: Expected | None = None, patience: Patience | None = None) -> Path:
    """Bring the file at ``address`` to ``target`` and return where it lies.

    What arrived before an interruption is kept in ``<target>.part``, and the next attempt, also of another process,
    goes on from there. A resumed file that does not fit is fetched once more from the start. A ``file://`` address is
    checked in place.

    Raises:
        ValueError: a refused scheme, a size or digest that is not the expected one.
        OSError: the server or the disk fails for good.
    """
    expected, patience = expected or Expected(), patience or Patience()
    check_address(address)
    if address.startswith('file:'):
        path = local_path(address)
        if not path.is_file():
            raise ValueError(f'{path} is missing. Check the address {address}')
        return _checked(path, address, expected)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        with contextlib.suppress(ValueError):
            return _checked(target, address, expected)
        target.unlink()
    download = _Download(address, target, expected, patience)
    resumed = download.part.exists()
    download.complete()
    try:
        _checked(download.part, address, expected)
    except ValueError:
        download.forget()
        if not resumed:
            raise
        LOG.warning('%s: what was fetched earlier does not fit, fetching it anew', download.shown)
        download.complete()
        _checked(download.part, address, expected)
    download.part.replace(target)
    download.tag.unlink(missing_ok=True)
    return target


class _Download:
    """One file on its way: ``part`` holds what arrived, ``tag`` the server's mark of the version that it belongs to."""

    def __init__(self, address: str, target: Path, expected: Expected, patience: Patience) -> None:
        self.address, self.expected, self.patience = address, expected, patience
        self.shown = without_secrets(address)
        self.part = target.with_name(target.name + '.part')
        self.tag = target.with_name(target.name + '.part.tag')
        self._opener = _web_opener()

    @property
    def n_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)

    def complete(self) -> None:
        """Go on until all is there; progress resets the patience."""
        failures = 0
        while True:
            before = self.n_bytes
            try:
                return self._attempt()
            except urllib.error.HTTPError as error:
                if error.code not in _TRANSIENT:
                    problem = f'{self.shown} cannot be fetched: HTTP {error.code} {error.reason}'
                    raise OSError(f'{problem}. Check the address') from None
                problem = f'HTTP {error.code} {error.reason}'
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
                problem = str(getattr(error, 'reason', error)) or type(error).__name__
            progressed = self.n_bytes > before
            failures = 1 if progressed else failures + 1
            if failures >= self.patience.attempts:
                raise OSError(
                    f'{self.shown} cannot be fetched: {problem}, {failures} times in a row. '
                    'Run the same command again later; it resumes'
                ) from None
            LOG.debug('%s: %s after %d bytes, trying again', self.shown, problem, self.n_bytes)
            pause = 0.1 * self.patience.pause if progressed else self.patience.pause * 2 ** (failures - 1)
            time.sleep(min(pause, 30.0))

    def _attempt(self) -> None:
        """One request for what is missing. Returns when all is there; raises ConnectionError when it broke off."""
        start = self.n_bytes
        if start and start == self.expected.n_bytes:
            return
        request = urllib.request.Request(self.address, headers={'User-Agent': 'pifpaf-core'})
        if start:
            request.add_header('Range', f'bytes={start}-')
            if self.tag.exists():
                request.add_header('If-Range', self.tag.read_text())
        try:
            response = self._opener.open(request, timeout=self.patience.timeout)
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise
            if error.headers.get('Content-Range') == f'bytes */{start}':
                return
            self.forget()
            raise ConnectionError('the server has less than was fetched before') from None
        with response:
            self._receive(response, start)

    def _receive(self, response: http.client.HTTPResponse, start: int) -> None:
        announced = response.headers.get('Content-Length')
        total = int(announced) if announced and announced.isdigit() else None
        if response.status == 206:
            match = _RANGE.match(response.headers.get('Content-Range', ''))
            if match is None or int(match['start']) != start:
                self.forget()
                raise ConnectionError('the server answers with another part than asked for')
            total = int(match['total']) if match['total'] != '*' else None
        else:
            self.forget()
            start = 0
        self._check_total(total, start)
        self._remember(response)
        label = file_name(self.address)
        with self.part.open('ab') as file, Progress(label, total=total, unit='B', start=start) as shown:
            while chunk := _read(response):
                file.write(chunk)
                shown.add(len(chunk))
        if total is not None and self.n_bytes < total:
            raise ConnectionError(f'the connection ended after {self.n_bytes} of {total} bytes')

    def _check_total(self, total: int | None, start: int) -> None:
        wanted = self.expected.n_bytes
        if total is not None and wanted is not None and total != wanted:
            raise ValueError(
                f'{self.shown} is announced with {total} bytes but should have {wanted}. Check the address'
            )
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - start > free:
            raise OSError(f'{self.part.parent} has {free} bytes left but {total - start} are to come. Make room')

    def _remember(self, response: http.client.HTTPResponse) -> None:
        tag = response.headers.get('ETag', '')
        if tag and not tag.startswith('W/'):
            self.tag.write_text(tag)


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next piece; whatever the network does wrong is a ConnectionError, unlike what the disk does."""
    try:
        return response.read1(_CHUNK)
    except OSError as error:
        raise ConnectionError(str(error)) from None


def _checked(path: Path, address: str, expected: Expected) -> Path:
    address, n_bytes = without_secrets(address), path.stat().st_size
    if expected.n_bytes is not None and n_bytes != expected.n_bytes:
        raise ValueError(
            f'{address} gave {n_bytes} bytes in place of {expected.n_bytes}. Check the address or try again'
        )
    if expected.sha256 is not None and (found := files.sha256(path)) != expected.sha256:
        raise ValueError(
            f'{address} has sha256 {found} in place of {expected.sha256}. Check the address or the checksums'
        )
    return path


def _web_opener() -> urllib.request.OpenerDirector:
    """Without handlers for ftp, file and data, so that no redirect leads there."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener

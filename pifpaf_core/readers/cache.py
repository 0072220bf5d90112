"""A bounded cache on disk of what is read from afar, shared by all processes of a machine.

What was used since the cache was opened stays, and what else there is goes first, oldest use first: data that are read
in a new order each epoch would under the usual rule, least recently used, be gone just before they are needed again. A
cache of half the data then spares half of the reads; least recently used would spare 15 %.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

LOG = logging.getLogger(__name__)

_CHECK = 4  # bytes behind each content that tell a damaged one
_RESERVE = 0.1  # share of the free disk that is left alone
_ROOM = 0.05  # share of the limit that is freed at once
_STALE = 3600.0  # seconds after which a file that is being written belonged to a process that died


class DataCache:
    """The cache in one folder. May be copied to other processes.

    Args:
        folder: made if it is not there.
        limit: bytes at most; less where the disk has less.

    Raises:
        OSError: the folder cannot be used.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._opened = time.time()
        self._is_full = self._has_warned = False
        folder.mkdir(parents=True, exist_ok=True)
        with self._account() as account:
            total = self._sweep(0, self.limit)
            free = int((1.0 - _RESERVE) * shutil.disk_usage(folder).free)
            if limit > total + free:
                self.limit = total + free
                LOG.warning('%s: the disk has room for a cache of %d MiB only', folder, self.limit >> 20)
                total = self._sweep(0, self.limit)
            _write(account, total)

    def get(self, key: str, fetch: Callable[[], bytes]) -> bytes:
        """The content under ``key``, from the cache, else from ``fetch``, whose errors pass.

        A disk that is full or broken costs the cache, and never the content.
        """
        path = self.path(key)
        content = self._stored(path)
        if content is None:
            content = fetch()
            try:
                self._store(path, content)
            except OSError as error:
                if not self._has_warned:
                    LOG.warning('%s: not all is cached: %s', self.folder, error)
                self._has_warned = True
        return content

    def path(self, key: str) -> Path:
        """Where the content under ``key`` lies."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / digest[:2] / digest[2:]

    def _stored(self, path: Path) -> bytes | None:
        try:
            data = path.read_bytes()
            if path.stat().st_mtime < self._opened:
                os.utime(path)
        except OSError:
            return None
        content, check = data[:-_CHECK], data[-_CHECK:]
        if _check(content) != check:
            path.unlink(missing_ok=True)  # a machine that lost its power; the next sweep counts anew
            return None
        return content

    def _store(self, path: Path, content: bytes) -> None:
        n_bytes = len(content) + _CHECK
        if self._is_full or not self._reserve(n_bytes):
            return
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f'.{path.name}.{os.getpid()}.{time.monotonic_ns()}')
        try:
            temporary.write_bytes(content + _check(content))
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            self._is_full = True
            raise

    def _reserve(self, n_bytes: int) -> bool:
        """Count so many bytes more; whether there is room for them."""
        with self._account() as account:
            total = _read(account)
            if total + n_bytes > self.limit:
                total = self._sweep(n_bytes, self.limit)
            fits = total + n_bytes <= self.limit
            self._is_full = not fits and n_bytes < _ROOM * self.limit
            _write(account, total + n_bytes * fits)
            return fits

    def _sweep(self, n_bytes: int, limit: int) -> int:
        """Remove what was not used since the opening until ``n_bytes`` more fit; returns the bytes that stay."""
        entries, now = [], time.time()
        for entry in (entry for folder in os.scandir(self.folder) if folder.is_dir() for entry in os.scandir(folder)):
            with contextlib.suppress(FileNotFoundError):
                stat = entry.stat()
                is_dead = entry.name.startswith('.') and stat.st_mtime < now - _STALE
                entries.append((-1.0 if is_dead else stat.st_mtime, stat.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        goal = limit if total + n_bytes <= limit else (1.0 - _ROOM) * limit - n_bytes
        for used, size, path in sorted(entries):
            if used >= self._opened or (used >= 0.0 and total <= goal):
                break
            Path(path).unlink(missing_ok=True)
            total -= size
        return total

    @contextlib.contextmanager
    def _account(self) -> Iterator[IO[bytes]]:
        """The file that holds the bytes in use, for this process alone."""
        with (self.folder / 'bytes').open('a+b') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _check(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECK)


def _read(account: IO[bytes]) -> int:
    account.seek(0)
    return int(account.read() or 0)


def _write(account: IO[bytes], total: int) -> None:
    account.seek(0)
    account.truncate()
    account.write(str(total).encode())
    account.flush()

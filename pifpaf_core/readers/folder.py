"""A folder of files to read, here or afar."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import is_remote, join, names, read_bytes
from .cache import DataCache

_THREADS = 8


class Folder:
    """Files below an address. May be copied to other processes.

    Args:
        address: of the folder.
        cache: keeps what is read from afar.
    """

    def __init__(self, address: str, cache: DataCache | None = None) -> None:
        self.address = address
        self._is_remote = is_remote(address)
        self._cache = cache if self._is_remote else None
        self._version: str | None = None
        self._ahead: dict[str, Future[bytes]] = {}
        self._threads: tuple[int, ThreadPoolExecutor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_ahead': {}, '_threads': None}

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: it is missing or cannot be read.
        """
        future = self._ahead.pop(name, None)
        return future.result() if future else self._read(name)

    def prefetch(self, names: Sequence[str]) -> None:
        """Begin to read files from afar, several at a time, so that `read` finds them."""
        if not self._is_remote:
            return
        if self._threads is None or self._threads[0] != os.getpid():  # threads do not survive a fork
            self._threads = os.getpid(), ThreadPoolExecutor(_THREADS)
        self._ahead = {name: self._threads[1].submit(self._read, name) for name in names}

    def missing(self, wanted: Sequence[str]) -> list[str]:
        """Those of the names that are not there, by listing folders."""
        if self._is_remote:
            there = self._list()
            return [name for name in wanted if name not in there]
        listed: dict[Path, set[str]] = {}
        for folder in {Path(join(self.address, name)).parent for name in wanted}:
            listed[folder] = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
        paths = ((name, Path(join(self.address, name))) for name in wanted)
        return [name for name, path in paths if path.name not in listed[path.parent]]

    def _read(self, name: str) -> bytes:
        address = join(self.address, name)
        if self._cache is None:
            return read_bytes(address)
        if self._version is None:
            self._list()
        return self._cache.get(f'{self._version} {address}', lambda: read_bytes(address))

    def _list(self) -> dict[str, str]:
        """{name: version} of all files; all versions together are that of the folder, so that no cache is stale."""
        found = names(self.address)
        rows = ''.join(f'{version} {name}\n' for name, version in sorted(found.items()))
        self._version = hashlib.sha256(rows.encode()).hexdigest()
        return found

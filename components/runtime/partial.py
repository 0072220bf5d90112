"""A file that arrives in parts, in any order, and survives the process that fetches it."""

import fcntl
import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from pifpaf_core.files import write_atomically


class PartialFile:
    """``.<name>.part`` beside the target, and a journal of the parts in it; both go when the file is finished.

    Args:
        path: the target; missing folders are made.
        version: of the content; parts of another one are dropped.
        size: bytes of the whole.
        part: bytes of each part but the last.

    Raises:
        OSError: the disk cannot take it.
    """

    def __init__(self, path: Path, *, version: str, size: int, part: int) -> None:
        self._path, self._size, self._part = path, size, part
        self._facts = {'version': version, 'size': size, 'part': part}
        self._done: set[int] = set()
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> 'PartialFile':
        while not self._is_ours():
            os.close(self._file)
        self._done = self._read_journal()
        if not self._done:
            os.truncate(self._file, 0)
        return self

    def _is_ours(self) -> bool:
        """Open the file for this process alone; False if it got its final name meanwhile."""
        self._open('')
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process fetches the same: go without its parts
            os.close(self._file)
            self._open(f'.{os.getpid()}.{threading.get_ident()}')
        return _names(self._data, self._file)

    def _open(self, distinction: str) -> None:
        self._data = self._path.with_name(f'.{self._path.name}{distinction}.part')
        self._journal = self._path.with_name(f'.{self._path.name}{distinction}.parts.part')
        self._file = os.open(self._data, os.O_RDWR | os.O_CREAT, 0o666)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)

    @property
    def missing(self) -> list[int]:
        """Numbers of the parts to come, from 0."""
        return [number for number in range(-(-self._size // self._part)) if number not in self._done]

    @property
    def n_bytes(self) -> int:
        """Bytes that are there."""
        return sum(self.span(number)[1] for number in self._done)

    def span(self, number: int) -> tuple[int, int]:
        """Start and length of a part."""
        start = number * self._part
        return start, min(self._part, self._size - start)

    def put(self, number: int, content: bytes) -> None:
        """Take a part; safe from several threads."""
        start, length = self.span(number)
        if len(content) != length:
            raise OSError(f'{self._path}: a part came with {len(content)} bytes in place of {length}. Try again')
        os.pwrite(self._file, content, start)
        os.fdatasync(self._file)
        with self._lock:
            self._done.add(number)
            write_atomically(self._journal, json.dumps({**self._facts, 'done': sorted(self._done)}))

    def finish(self) -> None:
        """Give the file its name."""
        assert not self.missing
        self._data.replace(self._path)
        self._journal.unlink(missing_ok=True)

    def _read_journal(self) -> set[int]:
        try:
            found: Any = json.loads(self._journal.read_text())
            done = set(found['done'])
            end = max((sum(self.span(number)) for number in done), default=0)
            if {name: found[name] for name in self._facts} == self._facts and os.fstat(self._file).st_size >= end:
                return done
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        return set()


def _names(path: Path, file: int) -> bool:
    """Whether the path is that of the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False

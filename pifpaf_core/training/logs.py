"""The training log: JSON lines that describe the process, the losses and the time (FIELDS section 11)."""

import errno
import fcntl
import io
import json
import logging
import os
import platform
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TextIO

from .. import version

LOG = logging.getLogger(__name__)

RECORDED = {'recorded': True}
"""As ``extra`` of a message: tell it to the person only, because a record says it to the log."""


class TrainingLog:
    """Writes records to a file, and every message of ``logging`` too.

    Each line is a JSON object with ``message``, ``levelname``, ``name`` and ``asctime``; a record has ``type`` and its
    own fields besides. An existing file is continued. After a kill some records come twice; the later one counts. It
    also guards the output of a training: of two with the same name the second one is refused while the first one runs.

    Args:
        path: of the log; None writes nothing, for all processes but the first.

    Raises:
        OSError: the file cannot be written.
        ValueError: another process writes it.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = None
        self._handler = _FileHandler(self)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open('a+b')
            _lock(file, path)
            _drop_half_line(file)
            self._file = io.TextIOWrapper(file, encoding='utf-8')

    def __enter__(self) -> 'TrainingLog':
        logging.getLogger().addHandler(self._handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self._handler)
        if self._file is not None:
            self._file.close()

    def record(self, kind: str, **fields: Any) -> None:
        """Write a record of type ``kind``, e.g. ``train-epoch``."""
        self.line({'message': '', 'levelname': 'INFO', 'name': __name__, 'asctime': _now(), 'type': kind, **fields})

    def process(self, options: dict[str, Any]) -> None:
        """Write what runs: the first record of every process; and warn when no commit holds the code."""
        self.record(
            'process',
            argv=sys.argv,
            args={name.replace('-', '_'): value for name, value in options.items()},
            version=version.version(),
            plugin_versions=version.plugin_versions(),
            hostname=platform.node(),
        )
        if version.is_dirty():
            LOG.warning(
                'version %s has changes that no commit holds: nobody will be able to tell what was trained. '
                'Commit them first', version.version(),
            )  # fmt: skip

    def line(self, fields: dict[str, Any]) -> None:
        """Write one JSON object."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(fields) + '\n')
            self._file.flush()
        except OSError as error:  # a full disk: what could not be written stays in the buffer
            LOG.error('the log cannot be written: %s. Free some space; the training goes on', error, extra=RECORDED)


class _FileHandler(logging.Handler):
    """Passes the messages of the ``logging`` package on to the training log."""

    def __init__(self, log: TrainingLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, 'recorded', False):
            return
        self._log.line(
            {
                'message': record.getMessage(),
                'levelname': record.levelname,
                'name': record.name,
                'asctime': _now(record.created),
            }
        )


def _now(seconds: float | None = None) -> str:
    """Local time as in ``2026-11-22 07:17:22,939``."""
    seconds = time.time() if seconds is None else seconds
    return time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds)) + f',{int(seconds % 1 * 1000):03d}'


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other processes out for as long as this one lives.

    A lock of the process, not of the open file (``flock``): loader processes that outlive a killed training for a
    moment do not keep its successor out, and network file systems have it.
    """
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return  # a file system without locks
        file.close()
        raise ValueError(f'another training writes {path}. Choose another --output, or end that one first') from error


def _drop_half_line(file: BinaryIO) -> None:
    """Cut what a killed process left after the last complete line."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        file.seek(end - 1)
        if file.read(1) == b'\n':
            break
        end -= 1
    file.truncate(end)

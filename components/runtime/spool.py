"""The training log as a spool: what the trainer wrote and nobody received yet is sent, now or later.

There is no other queue. The offset of the first unsent byte lies beside the log, so a restarted program goes on where
the last one stopped, and a log that outlived its pod can be replayed.
"""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pifpaf_core.files import write_atomically

from .training_log import LogParser, Point

Sender = Callable[[Sequence[Point], dict[str, Any] | None], None]

_LINES_AT_ONCE = 500


class Spool:
    """Forwards a growing log.

    Args:
        log: file of JSON lines; it may not exist yet.
        send: called with the points of some lines and the ``process`` record if they hold one. Whatever it raises
            leaves the lines unsent.
    """

    def __init__(self, log: Path, send: Sender) -> None:
        self._log, self._send = log, send
        self.offset_file = log.with_name(log.name + '.offset')
        self._offset = self._read_offset()
        self._parser = LogParser()
        self._catch_up()

    @property
    def is_empty(self) -> bool:
        """Whether everything in the log was sent."""
        return not self._log.exists() or self._log.stat().st_size <= self._offset

    def forward(self) -> int:
        """Send all complete lines; returns how many. Raises what sending raises."""
        count = 0
        while lines := self._next_lines():
            records = [record for record in map(self._parser.record, lines) if record]
            points = [point for record in records for point in self._parser.points(record)]
            process = next((record for record in records if record['type'] == 'process'), None)
            if points or process:
                self._send(points, process)
            self._move_to(self._offset + sum(map(len, lines)))
            count += len(lines)
        return count

    def _next_lines(self) -> list[bytes]:
        if not self._log.exists():
            return []
        with self._log.open('rb') as file:
            file.seek(self._offset)
            lines = list(itertools.islice(file, _LINES_AT_ONCE))
        if lines and not lines[-1].endswith(b'\n'):
            lines.pop()  # the trainer is at it
        return lines

    def _read_offset(self) -> int:
        try:
            offset = int(self.offset_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0
        size = self._log.stat().st_size if self._log.exists() else 0
        return offset if offset <= size else 0

    def _move_to(self, offset: int) -> None:
        self._offset = offset
        write_atomically(self.offset_file, str(offset))

    def _catch_up(self) -> None:
        """Learn the names of the loss components from lines that were sent before."""
        if self._offset == 0:
            return
        with self._log.open('rb') as file:
            for line in file:
                if file.tell() > self._offset:
                    break
                if b'"config"' in line:
                    self._parser.record(line)

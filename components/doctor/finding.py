"""What a check found, as data, as a table and as JSON."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal['ok', 'warning', 'failed', 'skipped']


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        check: what was looked at.
        state: how it is. Only ``failed`` makes the exit code 1.
        detail: what was seen.
        remedy: what to do; empty when nothing has to be done.
    """

    check: str
    state: State
    detail: str
    remedy: str = ''

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return dataclasses.asdict(self)


def ok(check: str, detail: str) -> Finding:
    """It is as it should be."""
    return Finding(check, 'ok', detail)


def skipped(check: str, detail: str) -> Finding:
    """It was not looked at."""
    return Finding(check, 'skipped', detail)


def warning(check: str, detail: str, remedy: str) -> Finding:
    """It works, with a drawback."""
    return Finding(check, 'warning', detail, remedy)


def failed(check: str, detail: str, remedy: str) -> Finding:
    """A run would fail."""
    return Finding(check, 'failed', detail, remedy)


def table(findings: Sequence[Finding]) -> str:
    """For people: a line each, and a line with the remedy below those that need one."""
    width = max(len(found.check) for found in findings)
    lines = []
    for found in findings:
        lines.append(f'{found.state:<8} {found.check:<{width}}  {found.detail}')
        if found.remedy:
            lines.append(f'{"":<8} {"":<{width}}  -> {found.remedy}')
    counts = [
        f'{sum(found.state == state for found in findings)} {state}' for state in ('ok', 'warning', 'failed', 'skipped')
    ]
    return '\n'.join([*lines, '', ', '.join(counts)])

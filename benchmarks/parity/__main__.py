"""Compare this library with recorded numbers: `python -m benchmarks.parity DIR`.

DIR holds files of the reference formats. Prints one JSON object with the largest difference of each case. Exit code 1
if a case does not hold; what is absent holds.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from benchmarks.parity.case import UNREADABLE, Case

PIECES = ('networks', 'encoders', 'losses', 'preparation', 'decoder')


def cases(folder: Path) -> Iterator[Case]:
    """All cases of all pieces; a piece that cannot read its file becomes a case that does not hold."""
    for piece in PIECES:
        try:
            yield from import_module(f'benchmarks.parity.{piece}').cases(folder)
        except UNREADABLE as error:
            yield Case.failed(piece, f'{type(error).__name__}: {error}')


def main(argv: list[str] | None = None) -> int:
    """Compare, print, and tell by the exit code."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.parity', description='Compare this library with recorded numbers'
    )
    parser.add_argument('folder', type=Path, metavar='DIR', help='where the recorded files are')
    folder = parser.parse_args(argv).folder
    if not folder.is_dir():
        print(f"parity: '{folder}' is no folder. Give the one with the recorded files", file=sys.stderr)
        return 2
    results = list(cases(folder))
    print(json.dumps({case.name: case.to_json() for case in results}, indent=1))
    return 0 if all(case.holds for case in results) else 1


if __name__ == '__main__':
    sys.exit(main())

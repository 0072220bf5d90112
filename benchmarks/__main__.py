"""``python -m benchmarks``: what the parts cost, beside OpenPifPaf's figures; see `benchmarks/README.md`.

Prints a table and writes `benchmarks/results/<machine>.json`. OpenPifPaf's figures were written down on another
machine. A plain float32 training step, which is the same work there and here, says how many times slower this one is;
ratios take that into account.
"""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figure
from benchmarks.steps import PLAIN
from pifpaf_core import version
from pifpaf_core.files import write_atomically

PARTS = ('steps', 'states', 'fields', 'samples', 'evaluations')
RESULTS = Path(__file__).parent / 'results'


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('--smoke', action='store_true', help='one short repetition, to see that everything runs')
    parser.add_argument(
        '--only', nargs='+', choices=PARTS, default=PARTS, metavar='PART', help=f'of {", ".join(PARTS)}'
    )
    parser.add_argument('--output', type=Path, metavar='FILE', help='default: benchmarks/results/<machine>.json')
    args = parser.parse_args(argv)
    figures = [figure for part in args.only for figure in import_module(f'benchmarks.{part}').measure(smoke=args.smoke)]
    slower = _slower(figures)
    print('\n'.join(table(figures, slower)))
    output = args.output or RESULTS / f'{_machine()}.json'
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, json.dumps(_result(figures, slower), indent=1) + '\n')
    print(f'written: {output}')
    return 0


def table(figures: Sequence[Figure], slower: float) -> list[str]:
    """Lines for a person: Markdown, ready for `docs/performance.md`."""
    lines = [
        '| part | median | best | unit | OpenPifPaf, as written down | times better, as it is | corrected |',
        '|---|---|---|---|---|---|---|',
    ]
    for figure in figures:
        plain, corrected = (figure.times_better(factor) for factor in (1.0, slower))
        cells = [
            figure.name, f'{figure.value:.3g}', f'{figure.best:.3g}', figure.unit,
            f'{figure.openpifpaf:g}' if figure.openpifpaf is not None else '',
            f'{plain:.3g}' if plain else '', f'{corrected:.3g}' if corrected else '',
        ]  # fmt: skip
        lines.append(f'| {" | ".join(cells)} |')
    return [*lines, '', f'This machine is taken as {slower:.2f} times as slow as the one of the figures written down.']


def _slower(figures: Sequence[Figure]) -> float:
    """How many times slower this machine is, by its plain training step; 1 if that was not measured."""
    for figure in figures:
        if figure.openpifpaf == PLAIN:
            return figure.value / PLAIN
    return 1.0


def _result(figures: Sequence[Figure], slower: float) -> dict[str, Any]:
    machine = {
        'processor': _processor(), 'cores': os.cpu_count(), 'system': f'{platform.system()} {platform.machine()}',
        'python': platform.python_version(),
    }  # fmt: skip
    return {
        'version': version.version(),
        'machine': machine,
        'calibration': {
            'what': 'plain float32 training step',
            'openpifpaf_ms': PLAIN,
            'times_slower': round(slower, 3),
        },
        'figures': [figure.to_json(slower) for figure in figures],
    }


def _processor() -> str:
    try:
        match = re.search(r'^model name\s*:\s*(.+)$', Path('/proc/cpuinfo').read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match[1] if match else platform.processor() or platform.machine()


def _machine() -> str:
    """A name for a file."""
    return f'{re.sub(r"[^a-z0-9]+", "-", _processor().lower()).strip("-")}-{os.cpu_count()}-cores'


if __name__ == '__main__':
    sys.exit(main())

"""``python -m benchmarks``: what encoding and decoding cost, beside OpenPifPaf's figures, as one JSON object.

Each part is timed on one thread and given as minimum and median over repetitions. A calibration workload runs in
between: its time says how fast the machine was, so that files from different machines and hours can be compared.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.people import SIZE, fields, heads, people
from pifpaf_core.decoders import DecoderOptions, decoders
from pifpaf_core.encoders import encode
from pifpaf_core.files import write_atomically

STRIDE = 8
ANCESTOR: dict[str, dict[int, float]] = {
    'cif targets': {1: 0.7, 5: 2.4, 20: 8.4, 50: 20.0},
    'caf targets': {1: 17.5, 5: 65.0, 20: 156.0, 50: 369.0},
    'cifcaf': {1: 0.92, 5: 3.3, 20: 9.8, 50: 23.9},
    'cifcaf, complete': {1: 1.0, 5: 3.5, 20: 10.8, 50: 29.3},
}
"""Milliseconds of OpenPifPaf 0.13 on two cores, by number of people, 641x481, stride 8. Source: FIELDS section 16."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and, if asked for, write the result."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('--smoke', action='store_true', help='one short repetition, to see that everything runs')
    parser.add_argument('--output', type=Path, metavar='FILE', help='also write the JSON there')
    args = parser.parse_args(argv)
    result = measure(repetitions=2 if args.smoke else 200, people_numbers=(1,) if args.smoke else (1, 5, 20, 50))
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        write_atomically(args.output, text + '\n')
    return 0


def measure(*, repetitions: int, people_numbers: Sequence[int]) -> dict[str, Any]:
    """Time every part for each number of people."""
    metas = heads(STRIDE)
    (plain,) = decoders(metas, DecoderOptions())
    (complete,) = decoders(metas, DecoderOptions(force_complete_pose=True))
    result: dict[str, Any] = {'machine': platform.platform(), 'calibration_ms': timed(calibration, repetitions)}
    for n in people_numbers:
        truth = people(n)
        predicted = fields(truth, metas, noise=1.0)
        parts: dict[str, Callable[[], object]] = {
            'cif targets': partial(encode, metas[0], truth, size=SIZE),
            'caf targets': partial(encode, metas[1], truth, size=SIZE),
            'cifcaf': partial(plain, predicted),
            'cifcaf, complete': partial(complete, predicted),
        }
        for name, part in parts.items():
            figures = timed(part, repetitions)
            ratio = round(ANCESTOR[name][n] / figures['median'], 1)
            result[f'{name}, people {n}'] = {**figures, 'openpifpaf_ms': ANCESTOR[name][n], 'times_faster': ratio}
    return result


def calibration() -> float:
    """A fixed piece of work: sort and multiply a quarter of a million numbers."""
    numbers = np.sin(np.arange(250_000, dtype=np.float64) * 12.9898)
    return float(np.sort(numbers) @ numbers)


def timed(part: Callable[[], object], repetitions: int) -> dict[str, float]:
    """Milliseconds of ``part``: minimum and median, the first call (which may compile) left out."""
    part()
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        part()
        times.append((time.perf_counter() - began) * 1e3)
    return {'minimum': round(min(times), 4), 'median': round(statistics.median(times), 4)}


if __name__ == '__main__':
    sys.exit(main())

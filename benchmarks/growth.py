"""``python -m benchmarks.growth``: how cost grows with people, image size, batch and workers, as figures and a picture.

Each curve is measured in one run on an otherwise idle machine. The picture is the one of `docs/performance.md`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import LogLocator

from benchmarks import samples, steps
from benchmarks.measuring import timed
from benchmarks.people import SIZE, fields, heads, people
from pifpaf_core.decoders import DecoderOptions, decoders
from pifpaf_core.encoders import encode
from pifpaf_core.files import write_atomically
from pifpaf_core.network import create

Curve = dict[float, float]
"""From what grows to what it costs."""

Curves = dict[str, Curve]

STRIDE = 8
TITLES = {
    'people': ('people in an image of 641 x 481 px', 'ms for an image, one thread'),
    'pixels': ('megapixels, 5 people', 'ms for an image, one thread'),
    'workers': ('loader workers (0: in the training process)', 'samples a second'),
    'batch': ('images in a batch, shufflenetv2k16', 'ms for an image'),
}
"""Axes of each chart by the name of its curves in the file."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the figures and draw them."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.growth', description=__doc__)
    parser.add_argument('--smoke', action='store_true', help='two points of each curve, to see that everything runs')
    parser.add_argument(
        '--output', type=Path, required=True, metavar='FILE.json', help='figures; the picture is beside it'
    )
    args = parser.parse_args(argv)
    charts = measure(smoke=args.smoke)
    result = {'threads': torch.get_num_threads(), **charts}
    write_atomically(args.output, json.dumps(result, indent=1) + '\n')
    picture = draw(charts)
    picture.savefig(args.output.with_suffix('.png'), dpi=80)
    for name, curves in charts.items():
        for label, curve in curves.items():
            points = ', '.join(f'{x:g}: {y:.3g}' for x, y in curve.items())
            print(f'{TITLES[name][0]} | {label} | {TITLES[name][1]} | {points}')
    return 0


def measure(*, smoke: bool) -> dict[str, Curves]:
    """Every chart of the picture: curves by label."""
    return {
        'people': _collect(_of_people((1, 2) if smoke else (1, 2, 5, 10, 20, 50, 100, 200), 2 if smoke else 100)),
        'pixels': _collect(_of_pixels((161, 321) if smoke else (321, 641, 961, 1281, 1921), 2 if smoke else 100)),
        'workers': _of_workers((0, 1) if smoke else (0, 1, 2), (2,) if smoke else (4, 8, 32), smoke=smoke),
        'batch': _collect(_of_batches((1, 2) if smoke else (1, 2, 4, 8), smoke=smoke)),
    }


def draw(charts: Mapping[str, Curves]) -> Picture:
    """A chart for each of `TITLES`; both axes of people, pixels and batch are logarithmic."""
    picture = Picture(figsize=(11.0, 7.5), layout='constrained')
    for axes, (name, curves) in zip(picture.subplots(2, 2).flat, charts.items(), strict=True):
        for label, curve in curves.items():
            axes.plot(list(curve), list(curve.values()), marker='o', markersize=4, label=label)
        if name != 'workers':
            axes.set_xscale('log')
            axes.set_yscale('log')
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter('{x:g}')
        ticks = sorted({x for curve in curves.values() for x in curve})
        axes.set_xticks(ticks, [f'{tick:g}' for tick in ticks])
        axes.minorticks_off()
        axes.set(xlabel=TITLES[name][0], ylabel=TITLES[name][1])
        axes.grid(alpha=0.3)
        axes.legend(fontsize='small')
    return picture


def _collect(points: Iterator[tuple[str, float, float]]) -> Curves:
    """Label, place and cost, one after another, as curves."""
    curves: Curves = {}
    for label, x, y in points:
        curves.setdefault(label, {})[x] = y
    return curves


def _of_people(numbers: Sequence[int], repetitions: int) -> Iterator[tuple[str, float, float]]:
    metas = heads(STRIDE)
    for n in numbers:
        truth = people(n)
        predicted = fields(truth, metas, noise=1.0)
        parts: dict[str, Callable[[], object]] = {
            'CIF targets': partial(encode, metas[0], truth, size=SIZE),
            'CAF targets': partial(encode, metas[1], truth, size=SIZE),
            **_decoding(metas, predicted),
        }
        for label, part in parts.items():
            yield label, n, timed(label, part, repetitions).value


def _of_pixels(widths: Sequence[int], repetitions: int) -> Iterator[tuple[str, float, float]]:
    for stride in (8, 16):
        metas = heads(stride)
        for width in widths:
            size = (width, (width - 1) * 3 // 4 // 16 * 16 + 1)
            truth = people(5, size=size, heights=(0.28 * size[1], 0.9 * size[1]))
            predicted = fields(truth, metas, size=size, noise=1.0)
            part = _decoding(metas, predicted)['decoding']
            megapixels = round(size[0] * size[1] * 1e-6, 2)
            yield f'decoding, stride {stride}', megapixels, timed('', part, repetitions).value


def _decoding(metas: Any, predicted: Any) -> dict[str, Callable[[], object]]:
    (plain,) = decoders(metas, DecoderOptions())
    (complete,) = decoders(metas, DecoderOptions(force_complete_pose=True))
    return {'decoding': partial(plain, predicted), 'decoding, complete poses': partial(complete, predicted)}


def _of_workers(numbers: Sequence[int], batches: Sequence[int], *, smoke: bool) -> Curves:
    with tempfile.TemporaryDirectory() as folder:
        options = samples.rendered(Path(folder, 'data'), 8 if smoke else 160)
        curves: Curves = {}
        for batch in batches:
            for workers in numbers:
                module = samples.loaded(options, batch=batch, workers=workers)
                figure = samples.batches(module, epochs=1 if smoke else 5)
                curves.setdefault(f'batch {batch}', {})[workers] = figure.value
        return curves


def _of_batches(numbers: Sequence[int], *, smoke: bool) -> Iterator[tuple[str, float, float]]:
    basenet, edge = ('tiny', 65) if smoke else ('shufflenetv2k16', 385)
    network = create(basenet, steps.metas(), pretrain=False).eval()
    for n in numbers:
        step = steps.ours(basenet, edge, n)
        yield f'training step, {edge} px', n, timed('', step, 1 if smoke else 5).value / n
        images = torch.zeros((n, 3, edge, edge))
        with torch.inference_mode():
            yield f'evaluation, {edge} px', n, timed('', partial(network, images), 1 if smoke else 9).value / n


if __name__ == '__main__':
    sys.exit(main())

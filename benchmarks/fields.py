"""From annotations to target fields, and from fields to annotations: one image, one thread, 641 x 481, stride 8."""

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.measuring import Figure, bandwidth, timed
from benchmarks.people import SIZE, fields, firing, heads, people
from pifpaf_core.decoders import DecoderOptions, decoders
from pifpaf_core.encoders import encode

STRIDE = 8
ANCESTOR: dict[str, dict[int, float]] = {
    'CIF targets': {1: 0.7, 5: 2.4, 20: 8.4, 50: 20.0},
    'CAF targets': {1: 17.5, 5: 65.0, 20: 156.0, 50: 369.0},
    'CifCaf': {1: 0.92, 5: 3.3, 20: 9.8, 50: 23.9},
    'CifCaf, complete poses': {1: 1.0, 5: 3.5, 20: 10.8, 50: 29.3},
}
"""Milliseconds of OpenPifPaf 0.13 by number of people."""


def measure(*, smoke: bool) -> Iterator[Figure]:
    """Time encoders and decoders for each number of people."""
    metas, repetitions = heads(STRIDE), 2 if smoke else 200
    (plain,) = decoders(metas, DecoderOptions())
    (complete,) = decoders(metas, DecoderOptions(force_complete_pose=True))
    for n in (1,) if smoke else (1, 5, 20, 50):
        truth = people(n)
        predicted = fields(truth, metas, noise=1.0)
        parts: dict[str, Callable[[], object]] = {
            'CIF targets': partial(encode, metas[0], truth, size=SIZE),
            'CAF targets': partial(encode, metas[1], truth, size=SIZE),
            'CifCaf': partial(plain, predicted),
            'CifCaf, complete poses': partial(complete, predicted),
        }
        for name, part in parts.items():
            people_ = f'{n} people' if n > 1 else '1 person'
            yield timed(f'{name}, {people_}', part, repetitions, openpifpaf=ANCESTOR[name][n])
    crowd = fields(people(200, heights=(60.0, 200.0)), metas, noise=1.0)
    for name, image in (('200 people', crowd), ('every cell confident', firing(metas))):
        yield timed(f'CifCaf, complete poses, {name}', partial(complete, image), 2 if smoke else 20)
    read = predicted[0][:, 1].nbytes + predicted[1][:, 1].nbytes  # every confidence has to be looked at
    floor = read / bandwidth(repetitions) * 1e3
    yield Figure('floor of CifCaf: reading all confidences', floor, floor, remark=f'{read} bytes from memory')

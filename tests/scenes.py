"""Fields to decode: recorded ones, and small scenes made by hand."""

from functools import cache
from pathlib import Path

import numpy as np

from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.decoders.cifcaf import CifCaf
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.skeletons import Keypoint, Skeleton
from pifpaf_core.skeletons.cocokp import COCO_PERSON

STRIDE = 8
CHAIN = Skeleton(
    keypoints=tuple(Keypoint(name, 0.05, (0.0, float(i)), name) for i, name in enumerate('abc')),
    connections=((0, 1), (1, 2)),
    dense_connections=((0, 2),),
)
"""Three keypoints in a row."""


@cache
def recorded():
    """`tests/golden/decoder.npz`: fields and what OpenPifPaf made of them."""
    return dict(np.load(Path(__file__).parent / 'golden' / 'decoder.npz'))


def coco_heads(stride):
    return (
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON).bound(0, stride),
        Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON).bound(1, stride),
    )


def chain_heads():
    return (
        Cif(name='cif', dataset='chain', skeleton=CHAIN).bound(0, STRIDE),
        Caf(name='caf', dataset='chain', skeleton=CHAIN).bound(1, STRIDE),
        Caf(name='caf25', dataset='chain', skeleton=CHAIN, dense=True).bound(2, STRIDE),
    )


def coco_decoder(stride, **options):
    return CifCaf(*coco_heads(stride), options=DecoderOptions(**options))


def chain_decoder(**options):
    return CifCaf(*chain_heads(), options=DecoderOptions(**options))


class Scene:
    """Fields of the `CHAIN` over 20 x 15 cells of 8 pixels: sparse, or with a dense head too."""

    size = (153, 113)

    def __init__(self):
        rows, columns = np.indices((15, 20))
        self.cif = np.zeros((3, 5, 15, 20), np.float32)
        self.caf = np.zeros((2, 8, 15, 20), np.float32)
        self.dense = np.zeros((1, 8, 15, 20), np.float32)
        for field, xs in ((self.cif, (2,)), (self.caf, (2, 4)), (self.dense, (2, 4))):
            for x in xs:
                field[:, x], field[:, x + 1] = columns, rows

    @property
    def fields(self):
        return [self.cif, self.caf, self.dense]

    def keypoint(self, f, x, y, *, confidence=0.9, size=16.0, side=4):
        """A patch of cells that point at x, y in pixels."""
        left, top = round(x / STRIDE - (side - 1) / 2), round(y / STRIDE - (side - 1) / 2)
        cells = self.cif[f, :, max(top, 0) : top + side, max(left, 0) : left + side]
        cells[1:] = np.array([confidence, x / STRIDE, y / STRIDE, size / STRIDE])[:, None, None]
        return self

    def connect(self, e, start, end, *, confidence=0.9, sizes=(16.0, 16.0), row=None, n=3, dense=False):
        """``n`` cells beside each other halfway that point from one place in pixels to another."""
        field = self.dense if dense else self.caf
        middle = (np.add(start, end) / 2 / STRIDE).round().astype(int)
        row = middle[1] if row is None else row
        values = [confidence, *np.divide(start, STRIDE), *np.divide(end, STRIDE), *np.divide(sizes, STRIDE)]
        field[e, 1:, row, middle[0] : middle[0] + n] = np.array(values)[:, None]
        return self


A, B, C = (30.0, 30.0), (70.0, 40.0), (110.0, 50.0)
"""Places of the keypoints of one chain, in pixels."""


def chain_scene():
    """One whole chain; its last keypoint is not in the Cif field, but the connections lead there."""
    return Scene().keypoint(0, *A).keypoint(1, *B).connect(0, A, B).connect(1, B, C)


def random_field(seed, components=5, fields=2):
    """A field whose every cell votes for something, over the `Scene`'s image."""
    rng = np.random.default_rng(seed)
    field = np.zeros((fields, components, 15, 20), np.float32)
    rows, columns = np.indices((15, 20))
    field[:, 1] = rng.uniform(0.0, 1.0, field[:, 1].shape) ** 2
    field[:, 2:4] = np.stack([columns, rows]) + rng.normal(0.0, 1.5, field[:, 2:4].shape)
    field[:, 4:] = rng.uniform(0.02, 6.0, field[:, 4:].shape)
    return field


def plain_map(field, threshold, spread=0.5):
    """The high-resolution map of FIELDS section 12, rule 1, the slow way: every cell adds to every pixel, in order."""
    width, height = Scene.size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    result = np.zeros((len(field), height, width))
    for f, j, i in zip(*np.nonzero(field[:, 1] >= threshold), strict=True):
        cx, cy = field[f, 2:4, j, i].astype(np.float64) * STRIDE
        size = field[f, 4:, j, i].min() * STRIDE
        if size < 0.0:
            continue
        sigma = max(1.0, spread * size)
        dx2, dy2 = (x - cx) ** 2, (y - cy) ** 2
        weight = (1.0 - (dx2 + dy2) / (16.0 * sigma**2)) ** 8
        weight[(dx2 < 0.25) & (dy2 < 0.25)] = 1.0
        weight[dx2 + dy2 > sigma**2] = 0.0
        result[f] = np.minimum(1.0, result[f] + field[f, 1, j, i] / 16.0 * weight)
    return result

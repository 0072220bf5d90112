"""The loop of an evaluation over the time of its network, and what starting costs."""

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from benchmarks.measuring import Figure, timed
from pifpaf_core.annotation import Array
from pifpaf_core.checkpoint import Checkpoint
from pifpaf_core.headmeta import Caf, Cif
from pifpaf_core.network import Network, create
from pifpaf_core.predictor import Predictor
from pifpaf_core.skeletons.cocokp import COCO_PERSON

SIZE, FIRING = (641, 481), 0.002  # share of the cells of a field that fire
LOOP, START = 1.11, 3600.0
"""OpenPifPaf 0.13: loop over network, and milliseconds of its start."""


def measure(*, smoke: bool) -> Iterator[Figure]:
    """Predict pictures of noise by a small network, of which some cells fire."""
    torch.manual_seed(0)
    metas = [
        Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON),
        Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON),
    ]
    network = create('tiny' if smoke else 'shufflenetv2x1', metas, pretrain=False).eval()
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8) for _ in range(2 if smoke else 8)]
    _calm(network, images[0])
    checkpoint = Checkpoint(network=network, basenet='benchmark', epoch=0, metadata={})
    ratios = []
    for _ in range(2 if smoke else 6):
        predictor = Predictor(checkpoint, batch_size=1)
        began = time.perf_counter()
        found = sum(
            len(prediction.annotations) for prediction in predictor.predict_images(images * (1 if smoke else 4))
        )
        ratios.append((time.perf_counter() - began) / predictor.times.network)
    ratios = sorted(ratios[1:])  # the first one compiles
    remark = f'{found / len(images) / (1 if smoke else 4):.0f} poses an image'
    yield Figure('evaluation, loop over network', ratios[len(ratios) // 2], ratios[0], 'ratio', LOOP, remark)
    for name, argv in (
        ('import pifpaf_core', ['-c', 'import pifpaf_core']),
        ('pifpaf --help', ['-m', 'pifpaf_core', '-h']),
    ):
        yield timed(name, partial(_start, argv), 2 if smoke else 7, openpifpaf=START)


def _calm(network: Network, image: Array) -> None:
    """Lower the confidence of heads that were never trained until few cells fire."""
    pixels = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        for head, meta, raw in zip(network.head_nets, network.metas, network(network.normalize(pixels)), strict=True):
            confidence = raw[:, :, 1].flatten()
            shift = torch.quantile(confidence[:: len(confidence) // 100_000 + 1], 1.0 - FIRING)
            head.get_parameter('conv.bias').view(meta.n_fields, -1, meta.upsample**2)[:, 1] -= shift


def _start(argv: list[str]) -> None:
    subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.DEVNULL)

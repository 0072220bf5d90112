"""Long runs: memory, descriptors, threads and processes stay what they were. docs/reliability.md has the figures.

A short version of each is in the first tier, the long one in the nightly one, which prints what it measured.
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from coco_folder import Folder

from benchmarks.people import fields, heads, people
from pifpaf_core import checkpoint, network
from pifpaf_core.checkpoint import Checkpoint
from pifpaf_core.datasets.cocokp import CocoKp, CocoKpOptions
from pifpaf_core.datasets.loader import train_loader
from pifpaf_core.datasets.options import LoaderOptions
from pifpaf_core.decoders import DecoderOptions, decoders
from pifpaf_core.encoders import EncoderOptions
from pifpaf_core.predictor import Predictor

SIZE = (161, 121)
DECODES_MB, BATCHES_MB, EVALUATION_MB = 16.0, 48.0, 150.0
"""What a run may grow by after a tenth of it; decoding, loading with all processes, evaluating ten times as many."""


class Held(NamedTuple):
    """What a process holds, its child processes included in ``megabytes`` and ``processes``."""

    megabytes: float
    descriptors: int
    threads: int
    processes: int

    @classmethod
    def now(cls):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was freed but not given back is no leak
        family = [os.getpid(), *children(os.getpid())]
        return cls(
            sum(proportional_megabytes(pid) for pid in family),
            len(os.listdir('/proc/self/fd')),
            threading.active_count(),
            len(family),
        )


def children(pid):
    found = []
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in map(int, (task / 'children').read_text().split()):
            found += [child, *children(child)]
    return found


def proportional_megabytes(pid):
    """Memory of a process; what it shares with others counts in part."""
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('Pss:')) / 1024


def watched(step, n, capsys, what):
    """Do ``step(i)`` n times; what was held after a tenth, and at the end."""
    early = None
    for i in range(n):
        step(i)
        if i == n // 10:
            early = Held.now()
    late = Held.now()
    with capsys.disabled():
        print(
            f'\n{what}, {n} times: {early.megabytes:.1f} MB after a tenth, {late.megabytes:.1f} MB at the end, {late}'
        )
    return early, late


def same_but_for_memory(early, late):
    return early._replace(megabytes=0.0) == late._replace(megabytes=0.0)


short_and_long = pytest.mark.parametrize(
    'n', [pytest.param(1, id='short'), pytest.param(20, id='long', marks=pytest.mark.nightly)]
)


@short_and_long
@pytest.mark.timeout(3600)
def test_decoding(n, capsys):
    """500 or 10,000 images of 0 to 9 people."""
    metas = heads(8)
    scenes = [
        fields(people(i, seed=i, size=SIZE, heights=(40.0, 100.0)), metas, size=SIZE, noise=1.0, seed=i)
        for i in range(10)
    ]
    (decode,) = decoders(metas, DecoderOptions())
    found = []

    def step(i):
        found.append(len(decode(scenes[i % 10])))

    early, late = watched(step, 500 * n, capsys, 'decoding')
    assert max(found) == 4 and found[:10] * (50 * n) == found
    assert late.megabytes - early.megabytes < DECODES_MB and same_but_for_memory(early, late)


@short_and_long
@pytest.mark.timeout(3600)
def test_loading(n, tmp_path, capsys):
    """100 or 2,000 batches of two worker processes, epoch after epoch."""
    folder = Folder(tmp_path).add('train', 20)
    options = CocoKpOptions(
        train_annotations=str(folder.annotations('person_keypoints_train2017')),
        train_image_dir=str(tmp_path / 'images/train2017'),
        square_edge=65,
    )
    module = CocoKp(options, LoaderOptions(dataset='cocokp', batch_size=2, loader_workers=2))
    metas = [meta.bound(i, 16) for i, meta in enumerate(module.head_metas)]
    before = Held.now()
    loader = train_loader([module], metas, encoder=EncoderOptions())
    assert len(loader) == 10

    def step(i):
        assert sum(1 for _ in loader.epoch(i)) == 10

    early, late = watched(step, 10 * n, capsys, 'epochs of ten batches')
    loader.close()
    after = Held.now()
    assert late.processes > before.processes
    assert late.megabytes - early.megabytes < BATCHES_MB and same_but_for_memory(early, late)
    assert (after.processes, after.threads) == (before.processes, before.threads)
    assert after.descriptors <= before.descriptors + 2  # torch keeps those of its resource tracker


@pytest.fixture(scope='module')
def net():
    """A small network with weights by chance."""
    torch.manual_seed(0)
    return network.create('tiny', CocoKp(CocoKpOptions(), LoaderOptions(dataset='cocokp')).head_metas).eval()


@short_and_long
@pytest.mark.timeout(3600)
def test_predictors_that_come_and_go(n, net, capsys):
    """20 or 400 predictors, each with its threads; every second one is left before its images end."""
    images = [np.full((40, 64, 3), i, np.uint8) for i in range(6)]

    def step(i):
        predictor = Predictor(
            Checkpoint(net, 'tiny', 0, {}), batch_size=2, loader_workers=2,
            decoder_options=DecoderOptions(decoder_workers=2),
        )  # fmt: skip
        for number, _ in enumerate(predictor.predict_images(images)):
            if i % 2 and number == 2:
                break

    early, late = watched(step, 20 * n, capsys, 'predictors')
    assert late.megabytes - early.megabytes < DECODES_MB and same_but_for_memory(early, late)


def evaluated(root, weights, folder, n_images):
    """Megabytes at the peak of ``pifpaf eval``."""
    argv = [
        sys.executable, '-c', PEAK, str(root / 'peak'), f'--checkpoint={weights}', '--dataset=cocokp', '--quiet',
        f'--cocokp-val-annotations={folder.annotations("person_keypoints_val2017")}', '--long-edge=65',
        f'--cocokp-val-image-dir={folder.root}/images/val2017', f'--eval-n-images={n_images}', '--disable-cuda',
        f'--output={root}/{n_images}', '--loader-workers=2', '--batch-size=4', '--write-predictions',
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stderr
    (stats,) = root.glob(f'{n_images}*.stats.json')
    assert json.loads(stats.read_text())['n_images'] == n_images
    return float((root / 'peak').read_text())


PEAK = """
import resource, sys
from pathlib import Path
from pifpaf_core import eval
code = eval.main(sys.argv[2:])
Path(sys.argv[1]).write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
sys.exit(code)
"""


@short_and_long
@pytest.mark.timeout(3600)
def test_evaluating(n, net, tmp_path, capsys):
    """Ten times as many images, 250 or 5,000 in the end, ask for little more memory: a JSON document and its poses."""
    weights = tmp_path / 'tiny.epoch001.safetensors'
    checkpoint.save(weights, net, epoch=1, basenet='tiny')
    folder = Folder(tmp_path / 'data').add('val', 250 * n)
    few, many = (evaluated(tmp_path, weights, folder, number * n) for number in (25, 250))
    with capsys.disabled():
        print(f'\nevaluating {25 * n} images: {few:.0f} MB at the peak; {250 * n}: {many:.0f} MB')
    assert many - few < EVALUATION_MB

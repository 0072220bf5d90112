"""Twenty trainings that are killed at random moments, and end as if nobody had touched them. See also test_train.py."""

import json
import random
import time
from pathlib import Path

import forked
import pytest
import safetensors.torch
import torch

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1200)]

EPOCHS = 3
KINDS = ('train', 'train-epoch', 'val-epoch')


def start(repository, output, processes, *, workers=0):
    """A training of two data sets with augmentation and dropout, which saves its state after each step."""
    annotations = repository / 'examples/coco-eight/annotations/person_keypoints_val2017.json'
    images = repository / 'examples/coco-eight/images/val2017'
    flags = [
        '--dataset=cocokp-cocodet', '--dataset-weights', '1.0', '0.5', '--basenet=tiny', '--square-edge=49',
        f'--batch-size={2 // processes}', f'--loader-workers={workers}', f'--epochs={EPOCHS}', '--log-interval=1',
        '--disable-cuda', '--state-interval=1e-9', '--cf4-dropout=0.1', '--val-batches=1', '--lr=0.01',
        '--cocokp-orientation-invariant=0.1', f'--output={output}', '-q', *(['--ddp'] if processes > 1 else []),
    ]  # fmt: skip
    for module in ('cocokp', 'cocodet'):
        for split in ('train', 'val'):
            flags += [f'--{module}-{split}-annotations={annotations}', f'--{module}-{split}-image-dir={images}']
    return forked.Training(flags, processes=processes, errors=f'{output}.stderr')


def finish(repository, output, processes, **options):
    assert set(start(repository, output, processes, **options).wait()) == {0}, Path(f'{output}.stderr').read_text()


def kill(repository, output, processes, *, after, delay, **options):
    """Start, and SIGKILL all processes some time after the log has so many batches more; whether that came in time."""
    log = Path(f'{output}.log')
    goal = batches(log) + after
    training = start(repository, output, processes, **options)
    while training.is_running() and batches(log) < goal:
        time.sleep(0.01)
    time.sleep(delay)
    was_running = training.is_running()
    training.kill()
    return was_running


def batches(log):
    return log.read_text().count('"type": "train",') if log.exists() else 0


def losses(output):
    """By kind and place; of records that came twice the later one."""
    found = [json.loads(line) for line in Path(f'{output}.log').read_text().splitlines()]
    chosen = [record for record in found if record.get('type') in KINDS]
    return {(r['type'], r['epoch'], r.get('batch')): [r['loss'], r['head_losses'], r.get('grad_norm')] for r in chosen}


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.fixture(scope='module')
def whole(repository, tmp_path_factory):
    """The undisturbed training on so many processes, made when it is first asked for."""
    made = {}

    def get(processes):
        if processes not in made:
            made[processes] = tmp_path_factory.mktemp(f'whole{processes}') / 'run'
            finish(repository, made[processes], processes)
        return made[processes]

    return get


@pytest.mark.parametrize('case', range(20))
def test_killed_twice_at_random_moments_and_resumed(case, repository, whole, tmp_path):
    random_ = random.Random(case)
    processes, workers = 1 + case % 2, 1 if case % 5 == 0 else 0
    output = tmp_path / 'run'
    killed = [
        kill(
            repository, output, processes, workers=workers, after=random_.randint(1, 6), delay=random_.uniform(0.0, 0.1)
        )
        for _ in range(2)
    ]
    assert killed[0], 'the training was over before it could be killed'
    finish(repository, output, processes)
    reference = whole(processes)
    for epoch in range(EPOCHS + 1):
        a, b = (safetensors.torch.load_file(f'{name}.epoch{epoch:03d}.safetensors') for name in (reference, output))
        assert same(a, b), epoch
    a, b = (torch.load(f'{name}.state.pt', weights_only=True) for name in (reference, output))
    for part in ('network', 'loss', 'optimizer', 'ema', 'losses', 'clipping', 'watch', 'validation', 'epoch', 'batch'):
        assert same(a[part], b[part]), part
    assert losses(reference) == losses(output)

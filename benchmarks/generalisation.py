"""``python -m benchmarks.generalisation``: what a small network learns about people that it has never seen.

Renders synthetic people, trains a small network on most of them from random weights, and evaluates it on the rest. The
figure depends on the number of images and epochs, which are the budget; the processor time is measured.
"""

import argparse
import json
import os
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pifpaf_core.files import write_atomically

UNSEEN = 300
"""Images to evaluate on, of the default number."""

PREPARE = 'prepare --source=synthetic --seed=0 --size=320x240 --n-images={images} --val-fraction={val} --output={data}'
DATA = (
    '--dataset=cocokp --cocokp-train-annotations={data}/annotations/person_keypoints_train2017.json '
    '--cocokp-train-image-dir={data}/images/train2017 '
    '--cocokp-val-annotations={data}/annotations/person_keypoints_val2017.json '
    '--cocokp-val-image-dir={data}/images/val2017'
)
TRAIN = (
    f'train {DATA} --basenet=tiny --cocokp-upsample=2 --square-edge=193 --batch-size=8 --adam --lr=0.002 '
    '--lr-warm-up-epochs=0.3 --lr-decay {decay} --lr-decay-epochs={tail} --b-scale=5 --weight-decay=1e-5 '
    '--epochs={epochs} --val-interval={epochs} --recalibrate-batch-norm=20 --loader-workers=0 '
    '--seed=0 --output={output}'
)
EVAL = (
    f'eval {DATA} --checkpoint={{output}}.epoch{{epochs:03d}}.safetensors --long-edge=321 --force-complete-pose '
    '--seed-threshold=0.1 --instance-threshold=0.05 --batch-size=1 --loader-workers=0'
)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.generalisation', description=__doc__)
    parser.add_argument('--images', type=int, default=2300, help='to render; about an eighth of them stays unseen')
    parser.add_argument('--epochs', type=int, default=24, help='of training')
    parser.add_argument('--folder', type=Path, required=True, help='for images and checkpoints; a run continues in it')
    args = parser.parse_args(argv)
    result = measure(images=args.images, epochs=args.epochs, folder=args.folder)
    print(json.dumps(result, indent=2))
    write_atomically(args.folder / 'generalisation.json', json.dumps(result, indent=2) + '\n')
    return 0


def measure(*, images: int, epochs: int, folder: Path) -> dict[str, Any]:
    """Render, train and evaluate; the ten COCO numbers by name, and what they cost."""
    values = {
        'images': images, 'val': UNSEEN / 2300, 'data': folder / 'data', 'output': folder / 'small',
        'epochs': epochs, 'decay': epochs * 5 // 6, 'tail': epochs / 12,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'data').exists():
        _run(PREPARE, values)
    hours = _run(TRAIN, values)
    _run(EVAL, values)
    stats = json.loads((folder / f'small.epoch{epochs:03d}.safetensors.eval-cocokp.stats.json').read_text())
    return {
        'machine': f'{platform.system()} {platform.machine()}',
        'images': images,
        'unseen': stats['n_images'],
        'epochs': epochs,
        'threads': os.environ.get('OMP_NUM_THREADS', 'all'),
        'processor_hours_of_training': round(hours, 3),
        **dict(zip(stats['text_labels'], stats['stats'], strict=True)),
    }


def _run(command: str, values: dict[str, Any]) -> float:
    """Run a command of the library; the processor time that it took, in hours."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [word.format(**values) for word in shlex.split(command)]
    subprocess.run([sys.executable, '-m', 'pifpaf_core', *argv], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 3600.0


if __name__ == '__main__':
    sys.exit(main())

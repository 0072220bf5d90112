"""``python -m pipelines.demo``: the whole pipeline on eight photographs, for real, on a laptop; ``make demo`` calls it.

It is the overfitting experiment of the training guide: no augmentation, and evaluation on the training images at the
trained size and padding. It shows that all parts work together, and says nothing about other photographs.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.runtime.run_folder import RunFolder
from pifpaf_core.files import write_atomically
from pipelines import compile as pipeline_compile
from pipelines import embedded
from pipelines.embedded import CLONE

FOLDER = CLONE / 'outputs' / 'demo'
RUNS = FOLDER / 'runs'

#: All eight images in one batch, so that BatchNorm's statistics of training are those of evaluation (decision 5).
PARAMETERS: Mapping[str, Any] = {
    'run_root': str(RUNS),
    'source': str(CLONE / 'examples' / 'coco-eight'),
    'prepare_options': {'val-is-train': True},
    'basenet': 'shufflenetv2x1',
    'epochs': 100,
    'lr': 0.002,
    'batch_size': 8,
    'square_edge': 257,
    'train_options': {
        'shufflenetv2-no-pretrain': True,
        'adam': True,
        'lr-decay': [80],
        'b-scale': 5.0,
        'weight-decay': 1e-5,
        'cocokp-upsample': 2,
        'cocokp-no-augmentation': True,
        'recalibrate-batch-norm': 1,
        'val-interval': 25,
        'loader-workers': 0,
    },
    'eval_options': {
        'long-edge': 257,
        'padding': 'square',
        'force-complete-pose': True,
        'seed-threshold': 0.2,
        'instance-threshold': 0.1,
    },
    'eval_epochs': '*[05]',
    'experiment': 'demo',
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pipeline, gather what it made under ``outputs/demo/`` and print the table; returns the exit code."""
    argparse.ArgumentParser(prog='pipelines.demo', description=__doc__).parse_args(argv)
    began = time.monotonic()
    for stale in ('predictions', 'work', 'kfp', 'summary.json'):
        _remove(FOLDER / stale)
    done = embedded.run(PARAMETERS, FOLDER)
    if done.code:
        print(f'pifpaf pipelines.demo: {done.problem}', file=sys.stderr)
        return done.code
    pipeline_compile.main(['--output', str(FOLDER)])
    summary = gather(RunFolder(str(RUNS), done.run_id))
    write_atomically(FOLDER / 'summary.json', json.dumps(summary, indent=2) + '\n')
    _remove(FOLDER / 'work')
    print(table(summary, seconds=time.monotonic() - began))
    return 0


def gather(run: RunFolder) -> dict[str, Any]:
    """Copy the zip and the predictions to fixed places, and sum up the run. Paths are relative to the clone."""
    outcome, record, evaluations = run.outcome() or {}, run.record(), run.evaluations()
    best = max(evaluations, key=lambda epoch: (evaluations[epoch]['metrics']['AP'], epoch))
    metrics = evaluations[best]['metrics']
    (archive,) = [key for key, _ in run.store.list('submission/')]
    run.store.get(archive, FOLDER / 'submission.zip')
    predictions = [key for key, _ in run.store.list('predictions/')]
    for key in predictions:
        run.store.get(key, FOLDER / key)
    return {
        **{name: metrics[name] for name in ('AP', 'AP50', 'AR')},
        'epochs': outcome['epochs'],
        'best_epoch': best,
        'train_seconds': outcome['train_seconds'],
        'first_loss': outcome['first_loss'],
        'last_loss': outcome['last_loss'],
        'images_per_second': outcome['images_per_second'],
        'run_id': run.run_id,
        'mlflow_run_id': record.get('mlflow', {}).get('run_id'),
        'checkpoint': _relative(run.checkpoint_uri(best)),
        'zip': _relative(FOLDER / 'submission.zip'),
        'pictures': [_relative(FOLDER / key) for key in predictions if key.endswith('.jpeg')],
        'report': _relative(f'{run.uri}/report/report.html'),
        'pipeline': _relative(FOLDER / 'pose_training.yaml'),
    }


def table(summary: Mapping[str, Any], *, seconds: float) -> str:
    """The result for a person."""
    rows = [
        ('AP', f'{summary["AP"]:.3f}'),
        ('AP50', f'{summary["AP50"]:.3f}'),
        ('AR', f'{summary["AR"]:.3f}'),
        ('loss, first and last epoch', f'{summary["first_loss"]:.1f} -> {summary["last_loss"]:.1f}'),
        ('images/s in training', f'{summary["images_per_second"]:.1f}'),
        ('training', f'{summary["epochs"]} epochs in {summary["train_seconds"]:.0f} s; the demo took {seconds:.0f} s'),
        ('checkpoint', summary['checkpoint']),
        ('submission zip', summary['zip']),
        ('pictures', f'{Path(summary["pictures"][0]).parent}/*.jpeg ({len(summary["pictures"])})'),
        ('report', summary['report']),
        ('pipeline for KFP', summary['pipeline']),
        ('summary', _relative(FOLDER / 'summary.json')),
        ('MLflow', f'run {summary["mlflow_run_id"]}; make ui shows it'),
    ]
    width = max(len(name) for name, _ in rows)
    line = '-' * (width + 50)
    body = '\n'.join(f'{name:<{width}}  {value}' for name, value in rows)
    return f'\n{line}\n{body}\n{line}\n{_WARNING}\n'


_WARNING = (
    'Overfitting on purpose: trained and evaluated on the same eight photographs, without augmentation, at the\n'
    'trained size and padding. It shows that all parts work together, and says nothing about other photographs.'
)


def _relative(path: str | Path) -> str:
    return Path(path).relative_to(CLONE).as_posix()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == '__main__':
    sys.exit(main())

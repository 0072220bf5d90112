"""One checkpoint's evaluation: fetched, evaluated by the library, and its figures under the names that MLflow shows."""

import json
import logging
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.runtime import core
from components.runtime.run_folder import RunFolder
from components.runtime.training_log import Point

LOG = logging.getLogger(__name__)

HEADLINE = ('AP', 'AP50', 'AP75', 'APM', 'APL', 'AR')
"""Figures that a person looks at first."""

_RENEWALS_A_CLAIM = 4


@dataclass(frozen=True)
class Evaluator:
    """Evaluates checkpoints of a run.

    Attributes:
        run: the run.
        dataset: data modules, joined by ``-``; the first one's AP decides which checkpoint is best.
        places: flags that say where the data set lies; those of ``options`` win.
        options: further options of ``pifpaf eval``.
        scratch: folder for what lies here for a moment.
        claim_expires: seconds; the claim is renewed more often than that.
    """

    run: RunFolder
    dataset: str
    places: Mapping[str, str]
    options: Mapping[str, Any]
    scratch: Path
    claim_expires: float

    def __call__(self, epoch: int, keep_claim: Callable[[], None]) -> None:
        """Evaluate an epoch and record the result in the run's folder.

        Raises:
            CommandFailed: the evaluation ended badly and has said why.
        """
        folder = self.scratch / f'e{epoch:04d}'
        shutil.rmtree(folder, ignore_errors=True)
        weights = self.run.fetch_checkpoint(epoch, folder)
        checkpoint = weights.replace(folder / f'{self.run.run_id}.epoch{epoch:03d}.safetensors')
        flags: dict[str, Any] = {
            'checkpoint': str(checkpoint),
            'dataset': self.dataset,
            'output': f'{folder}/',
            'quiet': True,
            **{name: value for name, value in self.places.items() if name not in self.options},
        }
        argv = core.arguments('eval', flags=flags, options=dict(self.options))
        core.run(argv, tick=keep_claim, every=self.claim_expires / _RENEWALS_A_CLAIM, silent=True)
        stats = {name: _read(folder, checkpoint, name) for name in self.dataset.split('-')}
        found = metrics(stats)
        self.run.record_evaluation(epoch, {'metrics': found, 'stats': stats})
        LOG.info('epoch %03d  %s', epoch, '  '.join(f'{name} {found[name]:.3f}' for name in HEADLINE if name in found))
        shutil.rmtree(folder)


def metrics(stats: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Figures by name, ``AP``, ``AP50``, ``ARM`` and so on; those of further data sets as ``cocodet/AP``."""
    found = {}
    for index, (dataset, document) in enumerate(stats.items()):
        prefix = f'{dataset}/' if index else ''
        for label, value in zip(document['text_labels'], document['stats'], strict=True):
            found[prefix + _plain(label)] = float(value)
    return found


def points(evaluations: Mapping[int, Mapping[str, Any]]) -> list[Point]:
    """Curves of all figures over the epochs."""
    return [
        Point(f'val/{name}', epoch, value, result['time'])
        for epoch, result in evaluations.items()
        for name, value in result['metrics'].items()
    ]


def best_epoch(evaluations: Mapping[int, Mapping[str, Any]]) -> int:
    """The epoch with the highest AP, of equal ones the last; without ground truth simply the last."""
    return max(evaluations, key=lambda epoch: (_rank(evaluations[epoch]['metrics'].get('AP')), epoch))


def _plain(label: str) -> str:
    """``AP0.5`` as ``AP50``."""
    name, dot, digits = label.partition('0.')
    return f'{name}{digits:0<2}' if dot else label


def _rank(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value


def _read(folder: Path, checkpoint: Path, dataset: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / f'{checkpoint.name}.eval-{dataset}.stats.json').read_text())
    kept: Sequence[str] = ('stats', 'text_labels', 'n_images', 'total_time', 'nn_time', 'decoder_time', 'version')
    return {name: document[name] for name in kept if name in document}

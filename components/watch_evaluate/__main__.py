"""``python -m components.watch_evaluate``: the program of the watch-evaluate stage."""

import logging
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.runtime import core, data, tracking
from components.runtime.executor_io import ExecutorIO
from components.runtime.registry import Best, register_best
from components.runtime.run_folder import RunFolder
from components.runtime.stage import StageOptions, check_positive, stage
from components.runtime.store import join
from components.runtime.tracking import Tracker
from components.runtime.training_log import Point
from pifpaf_core import command
from pifpaf_core.options import option

from .evaluation import Evaluator, best_epoch, points
from .report import Report
from .retention import removable
from .samples import samples
from .watch import Watching, watch

LOG = logging.getLogger(__name__)
_LAST_TRIES = 5


@dataclass(frozen=True)
class WatchOptions(StageOptions):
    """Evaluate a run's checkpoints while it trains, pick the best and write the report.

    Attributes:
        dataset_uri: of a prepared data set.
        eval_options: JSON, `core.options`.
    """

    dataset_uri: str = option('', 'prepared data set, as components.prepare_dataset reports it')
    dataset: str = option('cocokp', 'data modules, joined by -; AP of the first one decides')
    eval_epochs: str = option('*[05]', 'pattern of the epochs to evaluate, over three digits')
    eval_options: str = option('', 'further options of pifpaf eval', metavar='JSON')
    poll: float = option(10.0, 'seconds between looks for new checkpoints')
    lost_after: float = option(3600.0, 'seconds without a heartbeat after which training is lost')
    claim_expires: float = option(300.0, 'seconds after which the claim of a silent evaluator is free')
    keep_checkpoints: int = option(
        0, 'remove evaluated checkpoints from the store, but the best one and the last so many; 0 keeps all'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.dataset_uri:
            raise ValueError('no data set is given. Add --dataset-uri, as components.prepare_dataset reports it')
        core.options(self.eval_options, 'eval-options')
        check_positive(self, 'poll', 'lost_after', 'claim_expires')
        if self.keep_checkpoints < 0:
            raise ValueError(f'--keep-checkpoints {self.keep_checkpoints} is too little. Give 0 for all, or more')

    @property
    def watching(self) -> Watching:
        """How to watch."""
        skip_epoch0 = not core.options(self.eval_options, 'eval-options').get('eval-no-skip-epoch0')
        return Watching(self.eval_epochs, skip_epoch0, self.poll, self.lost_after, self.claim_expires)


def run(options: WatchOptions, executor: ExecutorIO) -> None:
    """Watch to the end, then report."""
    run, scratch = options.run, options.scratch('watch')
    found = data.bring(options.dataset_uri, scratch / 'data', data.annotation_files(options.dataset, ('val',)))
    extra = core.options(options.eval_options, 'eval-options')
    places = found.flags(options.dataset, cache=options.cache)
    evaluator = Evaluator(run, options.dataset, places, extra, scratch, options.claim_expires)
    curves = _Curves(run)

    def after_look() -> None:
        curves.send()
        if options.keep_checkpoints:
            _clean_up(run, options)

    watch(run, options.watching, evaluator, after_look=after_look)
    curves.finish()
    evaluations = run.evaluations()
    if not evaluations:
        raise ValueError(
            f"{run.uri}: no committed epoch matches '{options.eval_epochs}'. Committed: {run.epochs()}. "
            'Change --eval-epochs or how often training validates'
        )
    best = best_epoch(evaluations)
    log = (run.store.read('report/train.log') or b'').decode(errors='replace')
    drawn = samples(run, best, join(options.dataset_uri, 'images', 'val2017'), extra, scratch)
    report = Report(run.run_id, run.record(), evaluations, best, log, drawn)
    _publish(executor, run, report)
    _register(run, report, extra, scratch)
    LOG.info('best of %d evaluated: epoch %d, %s', len(evaluations), best, run.checkpoint_uri(best))


def _clean_up(run: RunFolder, options: WatchOptions) -> None:
    claims = run.claims(expires=options.claim_expires)
    for epoch in removable(run, options.watching, claims, keep=options.keep_checkpoints):
        run.remove_checkpoint(epoch)
        LOG.info('removed the checkpoint of epoch %d', epoch)


class _Curves:
    """Sends AP by epoch to the training's MLflow run as soon as both are there, and again at no cost if it failed."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._sent: set[int] = set()

    def finish(self) -> None:
        """Send the rest, with some patience: nobody looks again but `components.finish`."""
        for patience in range(_LAST_TRIES):
            if self.send():
                return
            time.sleep(2.0**patience)

    def send(self) -> bool:
        """Send what was not sent; whether nothing is left to send."""
        new = {epoch: self._run.evaluation(epoch) for epoch in self._run.evaluated_epochs() if epoch not in self._sent}
        run_id = _mlflow_run(self._run) if new else None
        if run_id:
            with tracking.best_effort('the evaluation'):
                Tracker(run_id).points(points(new))
                self._sent |= set(new)
        return run_id is None or self._sent >= set(new)


def _mlflow_run(run: RunFolder) -> str | None:
    """The training's MLflow run, if tracking is wanted and training has made one."""
    if not tracking.is_wanted():
        return None
    found: str | None = run.record().get('mlflow', {}).get('run_id')
    return found


def _publish(executor: ExecutorIO, run: RunFolder, report: Report) -> None:
    """The report and the best checkpoint, for the KFP UI, the store and MLflow."""
    result = report.evaluations[report.best]
    pictures = report.pictures()
    page, text = report.html(pictures), report.markdown()
    files = {**pictures, 'report.html': page.encode(), 'summary.md': text.encode()}
    for name, content in files.items():
        run.store.write(f'report/{name}', content)
    uri = run.checkpoint_uri(report.best)
    executor.metadata('metrics', epoch=report.best, **result['metrics'])
    executor.write('metrics', '')
    executor.reference('best_checkpoint', uri)
    executor.metadata('best_checkpoint', epoch=report.best, **result['metrics'])
    executor.parameter('best_checkpoint_uri', uri)
    executor.write('report', page, suffix='.html')
    executor.write('report_summary', text, suffix='.md')
    run_id = _mlflow_run(run)
    if run_id:
        with tracking.best_effort('the report'):
            tracker = Tracker(run_id)
            tracker.contents(files, 'report')
            best = {**result['metrics'], 'epoch': report.best}
            tracker.points([Point(f'best/{name}', report.best, v, result['time']) for name, v in best.items()])
            tracker.tags({'best.checkpoint': uri, 'best.epoch': str(report.best), 'mlflow.note.content': text})


def _register(run: RunFolder, report: Report, eval_options: Mapping[str, Any], scratch: Path) -> None:
    """The best checkpoint, as a model that MLflow serves."""
    run_id = _mlflow_run(run)
    if not run_id:
        return
    folder = scratch / 'best'
    shutil.rmtree(folder, ignore_errors=True)
    best = Best(
        uri=run.checkpoint_uri(report.best),
        weights=run.fetch_checkpoint(report.best, folder),
        epoch=report.best,
        ap=report.evaluations[report.best]['metrics'].get('AP'),
        dataset=report.record['dataset']['digest'],
        eval_options=eval_options,
    )
    with tracking.best_effort('the best checkpoint'):
        register_best(Tracker(run_id), model=report.record['experiment'], best=best)
    shutil.rmtree(folder)


COMMAND = stage('watch_evaluate', WatchOptions, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; returns its exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

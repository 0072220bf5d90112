"""``python -m components.launcher``: the program of the launcher."""

import sys
from collections.abc import Sequence

from components.runtime.executor_io import ExecutorIO
from components.runtime.run_folder import RunFolder
from components.runtime.stage import stage
from pifpaf_core import command

from .cluster import Cluster
from .follow import follow
from .lifecycle import begin, deleted_on_interrupt
from .preflight import kind_for
from .settings import LauncherOptions

_FACTS = ('epochs', 'first_loss', 'last_loss', 'images_per_second', 'train_seconds')


def run(options: LauncherOptions, executor: ExecutorIO) -> int:
    """Start the job, follow it, report what the training wrote down."""
    cluster = Cluster(options.namespace)
    kind = kind_for(cluster, options)
    with deleted_on_interrupt(cluster, kind, options.job_name):
        job = begin(cluster, kind, options)
        end = follow(cluster, kind, job, options)
    if end.problem:
        sys.stderr.write(f'pifpaf {COMMAND.name}: {end.problem}\n')
    if end.code == command.DONE:
        _report(executor, options.run)
    return end.code


def _report(executor: ExecutorIO, run: RunFolder) -> None:
    outcome, epochs = run.outcome() or {}, run.epochs()
    if not epochs:
        raise ValueError(f'{run.uri} holds no checkpoint. Check that the training pods write to the same store')
    executor.reference('last_checkpoint', run.checkpoint_uri(epochs[-1]))
    executor.metadata('last_checkpoint', epoch=epochs[-1])
    executor.metadata('metrics', **{name: outcome[name] for name in _FACTS if name in outcome})
    executor.write('metrics', '')


COMMAND = stage('launcher', LauncherOptions, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; returns its exit code."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

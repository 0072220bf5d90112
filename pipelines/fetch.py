"""``python -m pipelines.fetch RUN WHAT``: bring what a run has made, from wherever it ran.

RUN is the run's folder in the store (``outputs/runs/first``, ``s3://bucket/runs/my-run-3f1c2d4e``) or the id that KFP
gave it; KFP is then asked where that folder is (``KF_PIPELINES_ENDPOINT`` and so on, as for ``kfp``).
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.runtime.run_folder import RunFolder
from components.runtime.stage import StageOptions
from components.watch_evaluate.evaluation import best_epoch
from pifpaf_core import command

_ID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')


@dataclass(frozen=True)
class Config:
    """What is to be fetched.

    Attributes:
        run: folder or KFP's id.
        what: name of a component's output.
        output: file or folder to write; None is the working folder.
    """

    run: str
    what: str
    output: str | None


def _below(prefix: str, suffix: str = '') -> Callable[[RunFolder], list[str]]:
    return lambda run: [key for key, _ in run.store.list(prefix) if key.endswith(suffix)]


def _best_checkpoint(run: RunFolder) -> list[str]:
    evaluations = run.evaluations()
    return [_key(run, run.checkpoint_uri(best_epoch(evaluations)))] if evaluations else []


def _last_checkpoint(run: RunFolder) -> list[str]:
    return [_key(run, run.checkpoint_uri(epoch)) for epoch in run.epochs()[-1:]]


def _key(run: RunFolder, uri: str) -> str:
    return uri.removeprefix(f'{run.uri}/')


OUTPUTS: Mapping[str, Callable[[RunFolder], list[str]]] = {
    'testdev_zip': _below('submission/', '.zip'),
    'predictions': _below('predictions/'),
    'gallery': _below('report/gallery.html'),
    'report': _below('report/report.html'),
    'report_summary': _below('report/summary.md'),
    'log': _below('report/train.log', '.log'),
    'best_checkpoint': _best_checkpoint,
    'last_checkpoint': _last_checkpoint,
}
"""Keys in the run's folder of each output."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument('run', metavar='RUN', help="the run's folder in the store, or KFP's id of the run")
    parser.add_argument('what', metavar='WHAT', choices=OUTPUTS, help=', '.join(OUTPUTS))
    parser.add_argument('--output', help='file to write, or folder with / at its end (default: the working folder)')


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    return Config(args.run, args.what, args.output)


def run(config: Config) -> None:
    """Bring the files and print where they are."""
    found = folder_of(config.run)
    keys = OUTPUTS[config.what](found)
    if not keys:
        outcome = (found.outcome() or {}).get('outcome', 'not ended')
        raise ValueError(
            f'{found.uri} has no {config.what} (the run has {outcome}). Wait for its stage, or look at its log'
        )
    for key, path in targets(keys, config.output).items():
        found.store.get(key, path)
        print(path)


def folder_of(name: str) -> RunFolder:
    """The folder of a run.

    Raises:
        ValueError: no run is there.
        OSError: KFP cannot be asked.
    """
    if _ID.fullmatch(name):
        found = _folder_by_id(name)
    else:
        root, _, run_id = name.rstrip('/').rpartition('/')
        found = RunFolder(root or '.', run_id)
    if not found.record() and not found.outcome():
        raise ValueError(f"{found.uri} holds no run. Give the run's folder in the store, or KFP's id of the run")
    return found


def targets(keys: Sequence[str], output: str | None) -> dict[str, Path]:
    """Where each object goes.

    Raises:
        ValueError: several objects cannot be one file.
    """
    if output is None or output.endswith('/') or Path(output).is_dir():
        return {key: Path(output or '.', key.rpartition('/')[2]) for key in keys}
    if len(keys) > 1:
        raise ValueError(f'--output={output} is one file, but there are {len(keys)}. End it with / for a folder')
    return {keys[0]: Path(output)}


def _folder_by_id(identity: str) -> RunFolder:
    """The folder that a KFP run writes to, as its components name it."""
    import kfp
    import urllib3
    from kfp_server_api import ApiException

    logging.getLogger('urllib3.connectionpool').setLevel(logging.ERROR)  # it tells of each retry
    try:
        found = kfp.Client(host=os.environ.get('KF_PIPELINES_ENDPOINT')).get_run(identity)
    except (ApiException, urllib3.exceptions.HTTPError, ValueError, OSError, RuntimeError) as error:
        reason = ' '.join(str(getattr(error, 'reason', None) or error).split())[:200]
        raise OSError(
            f"KFP does not tell about run {identity}: {reason}. Set KF_PIPELINES_ENDPOINT, or give the run's folder"
        ) from error
    parameters = (found.runtime_config.parameters if found.runtime_config else None) or {}
    if not parameters.get('run_root'):
        raise ValueError(f'run {identity} has no parameter run_root: it is none of pose-training. Give another id')
    return StageOptions(run_root=parameters['run_root'], run_id=f'{found.display_name}-{identity}').run


COMMAND = command.Command('pipelines.fetch', 'Bring what a run has made.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

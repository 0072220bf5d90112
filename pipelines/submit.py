"""``python -m pipelines.submit``: run a pipeline on a cluster, and with ``--wait`` end as the run ended.

Each parameter of the pipeline is a flag. The last line on stdout is a JSON object that names the run.
"""

import argparse
import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.runtime.interrupts import as_interrupt
from components.runtime.stage import StageOptions
from components.runtime.store import join
from pifpaf_core import command
from pipelines import kfp_server, parameters
from pipelines.compile import FOLDER
from pipelines.kfp_server import Server

LOG = logging.getLogger(__name__)

PIPELINES = ('pose_training', 'pose_training_multinode')
TIMED_OUT = 124
_CODES = {'SUCCEEDED': 0, 'SKIPPED': 0, 'FAILED': command.FAILED, 'CANCELED': command.CANCELED}


@dataclass(frozen=True)
class Config:
    """All that ``pipelines.submit`` was asked for.

    Attributes:
        pipeline: one of `PIPELINES`.
        arguments: of the pipeline, by name.
        name: of the run.
        server: KFP's.
        upload: (name, version) under which the pipeline is uploaded first, or None.
        wait: for the end of the run.
        timeout: seconds to wait; 0 is without limit.
        poll: seconds between looks.
        stop: terminate the run when we are interrupted or the time is over.
    """

    pipeline: str
    arguments: Mapping[str, Any]
    name: str
    server: Server
    upload: tuple[str, str] | None
    wait: bool
    timeout: float
    poll: float
    stop: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to submit, and a flag for each parameter."""
    group = parser.add_argument_group('submitting')
    group.add_argument('--pipeline', choices=PIPELINES, default=PIPELINES[0], help='which pipeline')
    group.add_argument('--name', default='', help='of the run (default: <dataset>-<basenet>-<date>-<time>)')
    group.add_argument(
        '--endpoint', default=os.environ.get('KF_PIPELINES_ENDPOINT', ''), metavar='URL',
        help="address of KFP (default: $KF_PIPELINES_ENDPOINT; inside of the cluster, the cluster's own)",
    )  # fmt: skip
    group.add_argument('--namespace', default='', help='profile to run in, on a Kubeflow with profiles')
    group.add_argument(
        '--token-file', default='', metavar='FILE', help='bearer token (or $KF_PIPELINES_TOKEN holds it)'
    )
    group.add_argument('--ca-file', default='', metavar='FILE', help='certificates to trust')
    group.add_argument('--service-account', default='', help="of the run's pods")
    group.add_argument('--upload', default='', metavar='NAME', help='upload the pipeline under this name first')
    group.add_argument('--upload-version', default='', metavar='VERSION', help='of the uploaded pipeline')
    group.add_argument(
        '--wait', action='store_true', help='wait for the end: 0 done, 1 failed, 3 canceled, 124 timed out'
    )
    group.add_argument('--timeout', type=float, default=0.0, metavar='SECONDS', help='to wait; 0 waits without limit')
    group.add_argument('--poll', type=float, default=15.0, metavar='SECONDS', help='between looks')
    group.add_argument('--stop', action='store_true', help='terminate the run when the time is over or on Ctrl-C')
    parameters.add_flags(parser, parameters.inputs(multinode=True), defaults=False)


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    given = parameters.values(args, parameters.inputs(multinode=True))
    known = parameters.inputs(multinode=args.pipeline == PIPELINES[1])
    if foreign := [name for name in given if name not in known]:
        raise ValueError(f'{args.pipeline} has no --{foreign[0]}. Add --pipeline {PIPELINES[1]}, or leave it out')
    if not given.get('run_root'):
        raise ValueError('it is not said where runs live. Add --run-root, e.g. s3://bucket/runs')
    if args.upload_version and not args.upload:
        raise ValueError('--upload-version is the version of an upload. Add --upload with the name of the pipeline')
    if args.poll <= 0 or args.timeout < 0:
        raise ValueError('--poll must be above 0 and --timeout not below. Leave them out for 15 s and no limit')
    image = given.get('image', '')
    if 'pifpaf-train' in image and '@' not in image and 'tools_image' not in given:
        given['tools_image'] = image.replace('pifpaf-train', 'pifpaf-tools')
    name = args.name or default_name(given)
    upload = (args.upload, args.upload_version or name) if args.upload else None
    server = Server(args.endpoint, args.namespace, args.token_file, args.ca_file, args.service_account)
    return Config(args.pipeline, given, name, server, upload, args.wait, args.timeout, args.poll, args.stop)


def default_name(given: Mapping[str, Any]) -> str:
    """A name that people recognize: ``cocokp-shufflenetv2k16-261122-134500``."""
    known = parameters.inputs()
    parts = [given.get(name, known[name].default) for name in ('dataset', 'basenet')]
    return '-'.join([re.sub(r'[^A-Za-z0-9]+', '-', part) for part in parts] + [time.strftime('%y%m%d-%H%M%S')])


def run(config: Config) -> int:
    """Submit, and wait if asked to."""
    client = config.server.connect()
    what: Path | tuple[str, str] = FOLDER / f'{config.pipeline}.yaml'
    if config.upload:
        what = kfp_server.upload(
            client, FOLDER / f'{config.pipeline}.yaml', name=config.upload[0], version=config.upload[1]
        )
    experiment = config.arguments.get('experiment', 'pifpaf')
    run_id = kfp_server.submit(
        client, config.server, what=what, name=config.name, experiment=experiment, arguments=config.arguments
    )
    LOG.info('submitted %s: %s', config.name, config.server.url(run_id))
    state, code = _wait(client, run_id, config) if config.wait else ('PENDING', command.DONE)
    _tell(config, run_id, state)
    return code


def _wait(client: Any, run_id: str, config: Config) -> tuple[str, int]:
    """(state, exit code) at the end of the run or of our patience."""

    def tell(state: str) -> None:
        LOG.info('%s: %s', config.name, state)

    try:
        with as_interrupt(signal.SIGTERM, signal.SIGINT):
            ended = kfp_server.wait(client, run_id, timeout=config.timeout, poll=config.poll, tell=tell)
    except KeyboardInterrupt:
        _stop(client, run_id, config)
        return 'INTERRUPTED', command.CANCELED
    if ended is None:
        _stop(client, run_id, config)
        sys.stderr.write(
            f'pifpaf {COMMAND.name}: {config.name} has not ended in {config.timeout:g} s. '
            f'Look at it: {config.server.url(run_id)}\n'
        )
        return 'TIMED_OUT', TIMED_OUT
    code = _CODES[ended.state]
    if code:
        problem = '; '.join(kfp_server.failures(ended)) or 'KFP gives no reason'
        sys.stderr.write(
            f'pifpaf {COMMAND.name}: {config.name} {ended.state.lower()}: {problem.rstrip(".")}. '
            f'Look at its log: {config.server.url(run_id)}\n'
        )
    return ended.state, code


def _stop(client: Any, run_id: str, config: Config) -> None:
    if not config.stop:
        LOG.warning('%s goes on: %s', config.name, config.server.url(run_id))
        return
    with kfp_server.translated(f'terminating {config.name}'):
        client.terminate_run(run_id)
    LOG.warning('%s is terminated. What was committed is kept', config.name)


def _tell(config: Config, run_id: str, state: str) -> None:
    folder = StageOptions(run_root=config.arguments['run_root'], run_id=f'{config.name}-{run_id}').run_name
    facts = {
        'run_id': run_id,
        'name': config.name,
        'state': state,
        'url': config.server.url(run_id),
        'folder': join(config.arguments['run_root'], folder),
    }
    print(json.dumps(facts))


COMMAND = command.Command('pipelines.submit', 'Run a pipeline on a cluster.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

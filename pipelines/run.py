"""``python -m pipelines.run --local process|docker``: the pose-training pipeline on this machine.

Each parameter of the pipeline is a flag; see `pipelines.pose_training`.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pifpaf_core import command
from pipelines import contained, embedded, parameters


@dataclass(frozen=True)
class Config:
    """All that ``pipelines.run`` was asked for.

    Attributes:
        parameters: of the pipeline, by name.
        folder: for what is written besides the runs.
        local: stages as processes of this machine, or in containers.
        verbose: let kfp tell what it does.
    """

    parameters: Mapping[str, Any]
    folder: Path
    local: Literal['process', 'docker']
    verbose: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A flag for each pipeline parameter, with its type, default and description, and those that say how to run."""
    parser.add_argument(
        '--local',
        choices=['process', 'docker'],
        default='process',
        help='how: stages as processes of this machine, or in containers with an MLflow and an S3 server beside',
    )
    parser.add_argument('--folder', default='outputs', help="for MLflow's database, scratch space and KFP's files")
    parser.add_argument('--verbose', action='store_true', help='show what kfp says')
    parameters.add_flags(parser, parameters.inputs())


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    values = parameters.values(args, parameters.inputs())
    run_root = contained.RUN_ROOT if args.local == 'docker' else str(Path(args.folder, 'runs'))
    values['run_root'] = values.get('run_root') or run_root
    return Config(values, Path(args.folder), args.local, args.verbose)


def run(config: Config) -> int:
    """Run the pipeline; the exit code is that of the stage that failed, or 0."""
    runner = {'process': embedded.run, 'docker': contained.run}[config.local]
    done = runner(config.parameters, config.folder, verbose=config.verbose)
    if done.code:
        print(f'pifpaf {COMMAND.name}: {done.problem}', file=sys.stderr)
    return done.code


COMMAND = command.Command('pipelines.run', 'Run the pose-training pipeline.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

"""``python -m pipelines.run --local process|docker``: the pose-training pipeline on this machine.

Each parameter of the pipeline is a flag; see `pipelines.pose_training`.
"""

import argparse
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pifpaf_core import command
from pifpaf_core.options import integer
from pipelines import contained, embedded
from pipelines.pose_training.pipeline import build

_TYPES: Mapping[str, Callable[[str], Any]] = {'String': str, 'Integer': integer, 'Float': float}


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
    for name, given in _inputs().items():
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            dest=name,
            type=_TYPES.get(given.type, str),
            default=json.dumps(given.default) if _json_type(given) else given.default,
            metavar='JSON' if _json_type(given) else 'VALUE',
            help=given.description.replace('%', '%%'),
        )


def configure(args: argparse.Namespace) -> Config:
    """Parsed arguments as a config; touches no file."""
    values = {name: getattr(args, name) for name in _inputs()}
    for name, given in _inputs().items():
        if kind := _json_type(given):
            values[name] = _from_json(name, values[name], kind)
    run_root = contained.RUN_ROOT if args.local == 'docker' else str(Path(args.folder, 'runs'))
    values['run_root'] = values['run_root'] or run_root
    return Config(values, Path(args.folder), args.local, args.verbose)


def run(config: Config) -> int:
    """Run the pipeline; the exit code is that of the stage that failed, or 0."""
    runner = {'process': embedded.run, 'docker': contained.run}[config.local]
    done = runner(config.parameters, config.folder, verbose=config.verbose)
    if done.code:
        print(f'pifpaf {COMMAND.name}: {done.problem}', file=sys.stderr)
    return done.code


def _json_type(given: Any) -> type | None:
    """What the JSON text of a parameter must be, or None for a plain one."""
    return next((kind for name, kind in {'Dict': dict, 'List': list}.items() if str(given.type).startswith(name)), None)


@functools.cache
def _inputs() -> Mapping[str, Any]:
    """The pipeline's parameters by name, as KFP has read them off its signature."""
    return build(concurrent_watch=False).component_spec.inputs or {}


def _from_json(name: str, text: str, kind: type) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, kind):
        what, example = ('object', '{"b-scale": 10}') if kind is dict else ('list', '[{"operator": "Exists"}]')
        raise ValueError(f"--{name.replace('_', '-')} '{text}' is no JSON {what}. Give one such as '{example}'")
    return found


COMMAND = command.Command('pipelines.run', 'Run the pose-training pipeline.', add_arguments, configure, run)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    return command.main(COMMAND, argv)


if __name__ == '__main__':
    sys.exit(main())

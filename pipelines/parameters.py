"""The pipeline's parameters as flags of a command, with types and descriptions as KFP reads them off its signature."""

import argparse
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from pifpaf_core.options import integer
from pipelines.pose_training.pipeline import build

_TYPES: Mapping[str, Callable[[str], Any]] = {'String': str, 'Integer': integer, 'Float': float}


@functools.cache
def inputs(*, multinode: bool = False) -> Mapping[str, Any]:
    """The parameters of the pipeline by name, as KFP describes them."""
    return build(concurrent_watch=False, multinode=multinode).component_spec.inputs or {}


def add_flags(parser: argparse.ArgumentParser, given: Mapping[str, Any], *, defaults: bool = True) -> None:
    """A flag for each parameter.

    Args:
        parser: gets the flags.
        given: from `inputs`.
        defaults: whether a flag that is left out stands for the parameter's default; else for None.
    """
    for name, parameter in given.items():
        is_json = json_type(parameter) is not None
        default = json.dumps(parameter.default) if is_json else parameter.default
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            dest=name,
            type=_TYPES.get(parameter.type, str),
            default=default if defaults else None,
            metavar='JSON' if is_json else 'VALUE',
            help=parameter.description.replace('%', '%%'),
        )


def values(args: argparse.Namespace, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parsed arguments as values of their types, by name; those that were left out are left out.

    Raises:
        ValueError: a text is not the JSON that its parameter wants.
    """
    found = {name: getattr(args, name) for name in given if getattr(args, name) is not None}
    for name, text in found.items():
        if kind := json_type(given[name]):
            found[name] = _from_json(name, text, kind)
    return found


def json_type(parameter: Any) -> type | None:
    """What the JSON text of a parameter must be, or None for a plain one."""
    kinds = {'Dict': dict, 'List': list}
    return next((kind for name, kind in kinds.items() if str(parameter.type).startswith(name)), None)


def _from_json(name: str, text: str, kind: type) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, kind):
        what, example = ('object', '{"b-scale": 10}') if kind is dict else ('list', '[{"operator": "Exists"}]')
        raise ValueError(f"--{name.replace('_', '-')} '{text}' is no JSON {what}. Give one such as '{example}'")
    return found

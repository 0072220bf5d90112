"""Backbones: networks that turn images into features, by name and with the options of their family.

A family is an entry point of the group ``pifpaf_core.backbones``; the entry point's name is the prefix of its flags.
"""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

from .. import plugins
from ..options import add_options as add_option_group
from ..options import from_args, to_argv
from .contract import Backbone, Family
from .normalization import set_normalization_defaults

__all__ = [
    'Backbone',
    'Family',
    'add_options',
    'all_names',
    'build',
    'check',
    'family_name',
    'options_from_args',
    'plain_options',
]

GROUP = 'pifpaf_core.backbones'


def all_names() -> list[str]:
    """Sorted names of all backbones of all families."""
    return sorted(name for family in plugins.load_all(GROUP).values() for name in family.names)


def family_name(basenet: str) -> str:
    """Name of the family that backbone ``basenet`` belongs to.

    Raises:
        ValueError: no such backbone; the message lists those there are.
    """
    return _family(basenet)[0]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every family, each under its own prefix."""
    for name, family in plugins.load_all(GROUP).items():
        if dataclasses.fields(family.Options):
            add_option_group(parser, family.Options, prefix=name)


def options_from_args(args: argparse.Namespace) -> dict[str, Any]:
    """{family: its options} from arguments parsed after `add_options`."""
    return {
        name: from_args(family.Options, args, prefix=name) if dataclasses.fields(family.Options) else family.Options()
        for name, family in plugins.load_all(GROUP).items()
    }


def check(basenet: str | None, options: Mapping[str, Any], *, checkpoint: str | None = None) -> None:
    """Refuse options that would have no effect.

    Args:
        basenet: name of the backbone; None if the checkpoint knows it.
        options: {family: options}, as `options_from_args` gives them.
        checkpoint: what the training starts from instead of a new network.

    Raises:
        ValueError: no such backbone, or an option is given that belongs to another family or to a new network.
    """
    family = family_name(basenet) if basenet is not None else None
    for name, values in options.items():
        given = to_argv(values, prefix=name)
        if given and checkpoint is not None:
            raise ValueError(f'{given[0]} is for new networks, and --checkpoint={checkpoint} knows its own. Remove one')
        if given and name != family:
            raise ValueError(
                f"{given[0]} is for the backbones of '{name}', and --basenet={basenet} is none of them. Leave it out"
            )


def build(basenet: str, options: Mapping[str, Any] | None = None, *, pretrain: bool = True) -> Backbone:
    """Build a backbone.

    Args:
        basenet: its name, e.g. ``shufflenetv2k16``.
        options: {family: options}, each an instance of the family's ``Options`` or a mapping of its fields; families
            that are missing have defaults, and other families than ``basenet``'s are not looked at.
        pretrain: False never loads ImageNet weights, whatever the options say: a checkpoint brings all weights.

    Raises:
        ValueError: an unknown name, options that do not fit, or weights that cannot be downloaded.
    """
    name, family = _family(basenet)
    values = _instance(family.Options, (options or {}).get(name, {}), family=name)
    if not pretrain and hasattr(values, 'pretrain'):
        values = dataclasses.replace(values, pretrain=False)
    backbone: Backbone = family.build(basenet, values)
    set_normalization_defaults(backbone)
    return backbone


def plain_options(basenet: str, options: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """The part of ``options`` that concerns ``basenet``, as JSON data that `build` takes back."""
    name, family = _family(basenet)
    values = _instance(family.Options, (options or {}).get(name, {}), family=name)
    return {name: dataclasses.asdict(values)}


def _family(basenet: str) -> tuple[str, Any]:
    families = plugins.load_all(GROUP)
    for name, family in families.items():
        if basenet in family.names:
            return name, family
    known = ', '.join(sorted(name for family in families.values() for name in family.names))
    raise ValueError(f"there is no backbone '{basenet}'. Known: {known}")


def _instance(config: type, values: Any, *, family: str) -> Any:
    if isinstance(values, config):
        return values
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(config)})
    if unknown:
        raise ValueError(f"backbones '{family}' have no option {', '.join(unknown)}. Is pifpaf-core up to date?")
    return config(**values)

"""The data modules of a command: their flags, and those that ``--dataset`` names. Modules are entry points."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import plugins
from ..options import add_options as add_group
from ..options import from_args as group_from_args
from .module import DataModule
from .options import LoaderOptions

GROUP = 'pifpaf_core.datamodules'


def add_options(parser: argparse.ArgumentParser) -> None:
    """The flags of `LoaderOptions` and of every data module, the latter under its name."""
    add_group(parser, LoaderOptions)
    for name, module in plugins.load_all(GROUP).items():
        add_group(parser, module.Options, prefix=name)


def from_args(args: argparse.Namespace) -> tuple[DataModule, ...]:
    """The data modules that ``--dataset`` names, with their options. Touches no file.

    Raises:
        ValueError: no or an unknown data set, or options that make no sense.
    """
    loader = group_from_args(LoaderOptions, args)
    classes = _classes(loader)
    return tuple(cls(group_from_args(cls.Options, args, prefix=name), loader) for name, cls in classes.items())


def build(
    dataset: str, *, options: Mapping[str, Any] | None = None, loader: LoaderOptions | None = None
) -> tuple[DataModule, ...]:
    """Data modules by name, e.g. ``cocokp`` or ``cocokp-cocodet``, for programs that have no command line.

    Args:
        dataset: as ``--dataset``.
        options: for each name an instance of the module's ``Options``; its defaults where absent.
        loader: options that all share; its ``dataset`` is replaced.
    """
    shared = replace(loader or LoaderOptions(), dataset=dataset)
    chosen = options or {}
    return tuple(cls(chosen.get(name, cls.Options()), shared) for name, cls in _classes(shared).items())


def _classes(loader: LoaderOptions) -> dict[str, type[DataModule]]:
    if not loader.names:
        raise ValueError(f'no data set is named. Give --dataset; known: {", ".join(plugins.names(GROUP))}')
    if len(set(loader.names)) != len(loader.names):
        raise ValueError(f'--dataset={loader.dataset} names a data set twice. Name each once')
    for name in loader.names:
        if name not in plugins.names(GROUP):
            raise ValueError(f"there is no data set '{name}'. Known: {', '.join(plugins.names(GROUP))}")
    return {name: plugins.load(GROUP, name) for name in loader.names}

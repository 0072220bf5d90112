"""The data modules of a command: their flags, and those that ``--dataset`` names: entry points, or files."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import plugins
from ..options import add_options as add_group
from ..options import from_args as group_from_args
from .custom import PREFIX, CustomModule, CustomOptions
from .declaration import SUFFIXES
from .module import DataModule
from .options import GROUP, LoaderOptions


def add_options(parser: argparse.ArgumentParser) -> None:
    """The flags of `LoaderOptions` and of every data module, the latter under its name."""
    add_group(parser, LoaderOptions)
    for name, module in plugins.load_all(GROUP).items():
        add_group(parser, module.Options, prefix=name)
    add_group(parser, CustomOptions, prefix=PREFIX)


def from_args(args: argparse.Namespace, *, in_order: bool = False) -> tuple[DataModule, ...]:
    """The data modules that ``--dataset`` names, with their options. Touches no file.

    Args:
        args: of the command line.
        in_order: see `LoaderOptions`.

    Raises:
        ValueError: no or an unknown data set, or options that make no sense.
    """
    loader = replace(group_from_args(LoaderOptions, args), in_order=in_order)
    _check(loader)
    return tuple(
        _module(name, group_from_args(_options(name), args, prefix=PREFIX if _is_file(name) else name), loader)
        for name in loader.names
    )


def build(
    dataset: str, *, options: Mapping[str, Any] | None = None, loader: LoaderOptions | None = None
) -> tuple[DataModule, ...]:
    """Data modules by name, e.g. ``cocokp`` or ``cocokp-cocodet``, for programs that have no command line.

    Args:
        dataset: as ``--dataset``.
        options: for each name or file an instance of the module's ``Options``; its defaults where absent.
        loader: options that all share; its ``dataset`` is replaced.
    """
    shared = replace(loader or LoaderOptions(), dataset=dataset)
    _check(shared)
    return tuple(_module(name, (options or {}).get(name, _options(name)()), shared) for name in shared.names)


def _check(loader: LoaderOptions) -> None:
    known = plugins.names(GROUP)
    if not loader.names:
        raise ValueError(f'no data set is named. Give --dataset; known: {", ".join(known)}')
    if len(set(loader.names)) != len(loader.names):
        raise ValueError(f'--dataset={loader.dataset} names a data set twice. Name each once')
    for name in loader.names:
        if name not in known and not _is_file(name):
            raise ValueError(f"there is no data set '{name}'. Known: {', '.join(known)}, or a file such as mydata.yaml")


def _options(name: str) -> type:
    options: type = CustomOptions if _is_file(name) else plugins.load(GROUP, name).Options
    return options


def _module(name: str, options: Any, loader: LoaderOptions) -> DataModule:
    if _is_file(name):
        return CustomModule(name, options, loader)
    module: DataModule = plugins.load(GROUP, name)(options, loader)
    return module


def _is_file(name: str) -> bool:
    return name.endswith(SUFFIXES)

"""The data modules of a command: their flags, and those that ``--dataset`` names: entry points, or files."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import plugins
from ..options import add_options as add_group
from ..options import from_args as group_from_args
from .custom import PREFIX, CustomOptions, custom_module
from .declaration import SUFFIXES
from .module import DataModule
from .options import GROUP, LoaderOptions


def add_options(parser: argparse.ArgumentParser) -> None:
    """The flags of `LoaderOptions` and of every data module, the latter under its name."""
    add_group(parser, LoaderOptions)
    for name, module in plugins.load_all(GROUP).items():
        add_group(parser, module.Options, prefix=name)
    add_group(parser, CustomOptions, prefix=PREFIX)


def from_args(args: argparse.Namespace) -> tuple[DataModule, ...]:
    """The data modules that ``--dataset`` names, with their options. Reads no file but those that declare data sets.

    Raises:
        ValueError: no or an unknown data set, or options that make no sense.
    """
    loader = group_from_args(LoaderOptions, args)
    return tuple(
        cls(group_from_args(cls.Options, args, prefix=PREFIX if _is_file(name) else name), loader)
        for name, cls in zip(loader.names, _classes(loader), strict=True)
    )


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
    return tuple(cls(chosen.get(cls.name, cls.Options()), shared) for cls in _classes(shared))


def _classes(loader: LoaderOptions) -> list[type[DataModule]]:
    if not loader.names:
        raise ValueError(f'no data set is named. Give --dataset; known: {", ".join(plugins.names(GROUP))}')
    classes = [_class(name) for name in loader.names]
    if len({cls.name for cls in classes}) != len(classes):
        raise ValueError(f'--dataset={loader.dataset} names a data set twice. Name each once')
    return classes


def _class(name: str) -> type[DataModule]:
    known = plugins.names(GROUP)
    if _is_file(name):
        cls = custom_module(name)
        if cls.name in known:
            raise ValueError(f"{name}: the name '{cls.name}' is taken. Give the data set a name of its own")
        return cls
    if name not in known:
        raise ValueError(f"there is no data set '{name}'. Known: {', '.join(known)}, or a file such as mydata.yaml")
    loaded: type[DataModule] = plugins.load(GROUP, name)
    return loaded


def _is_file(name: str) -> bool:
    return name.endswith(SUFFIXES)

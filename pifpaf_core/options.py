"""Command line options, declared once, as fields of frozen dataclasses.

Name, type, default and help of an option live in one place and the flag is derived from it: field ``lr_decay`` of a
group without prefix is ``--lr-decay``; field ``upsample`` under the prefix ``cocokp`` is ``--cocokp-upsample``; a
boolean that is true by default, ``augmentation``, is switched off by ``--cocokp-no-augmentation``.
"""

import argparse
import dataclasses
import types
import typing
from typing import Any, TypeVar

C = TypeVar('C')


def option(default: Any, help: str, *, flag: str | None = None, **argparse_kwargs: Any) -> Any:
    """Declare a dataclass field that is also a command line option.

    Args:
        default: value without the flag. ``True`` makes a ``--no-`` flag.
        help: one line for ``--help``.
        flag: the flag's spellings, separated by spaces, in place of the derived one. The last one is canonical. They
            take no prefix.
        argparse_kwargs: what ``ArgumentParser.add_argument`` should get besides what the type says.
    """
    metadata = {'help': help, 'flag': flag, 'argparse': argparse_kwargs}
    return dataclasses.field(default=default, metadata=metadata)


def add_options(parser: argparse.ArgumentParser, config: type, *, prefix: str = '') -> None:
    """Add an argument group with an option for each field of ``config`` that was made by `option`."""
    group = parser.add_argument_group((config.__doc__ or config.__name__).splitlines()[0].rstrip('.'))
    hints = typing.get_type_hints(config)
    for field in _option_fields(config):
        kwargs = {**_kind(hints[field.name], field.default), **field.metadata['argparse']}
        if 'action' not in kwargs and 'choices' not in kwargs and 'metavar' not in kwargs:
            kwargs['metavar'] = _metavar(kwargs['type'])
        help_text = field.metadata['help']
        if not isinstance(field.default, bool) and field.default not in (None, ()):
            help_text += f' (default: {_spell(field.default)})'
        group.add_argument(
            *_flags(field, prefix),
            dest=_dest(config, field.name, prefix),
            default=field.default,
            help=help_text.replace('%', '%%'),
            **kwargs,
        )


def from_args(config: type[C], args: argparse.Namespace, *, prefix: str = '') -> C:
    """Build ``config`` from parsed arguments.

    Raises:
        ValueError: what ``config.__post_init__`` finds wrong with the values.
    """
    values = {field.name: getattr(args, _dest(config, field.name, prefix)) for field in _option_fields(config)}
    return config(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def to_argv(config: Any, *, prefix: str = '') -> list[str]:
    """Inverse of `from_args`: the shortest argument list that rebuilds ``config``."""
    argv: list[str] = []
    for field in _option_fields(type(config)):
        value = getattr(config, field.name)
        if value == field.default or value == ():
            continue
        flag = _flags(field, prefix)[-1]
        if isinstance(value, bool) and 'nargs' not in field.metadata['argparse']:
            argv += [flag]
        elif isinstance(value, tuple):
            argv += [flag, *map(str, value)]
        else:
            argv += [f'{flag}={value}']
    return argv


def names(config: type, *, prefix: str = '') -> list[str]:
    """Names of the options of ``config``: their flags without dashes in front, e.g. ``cocokp-upsample``."""
    return [_flags(field, prefix)[-1].lstrip('-') for field in _option_fields(config)]


def argv_from_mapping(options: dict[str, Any]) -> list[str]:
    """Flags for a mapping as given to ``--options``: ``{"b-scale": 10}`` -> ``--b-scale=10``.

    True writes the bare flag; false and null write nothing; a list writes one flag with several values.

    Raises:
        ValueError: a name that is no option name, or a value that no flag can carry.
    """
    argv: list[str] = []
    for name, value in options.items():
        if not name or name.startswith('-') or '=' in name or ' ' in name:
            raise ValueError(f'\'{name}\' is no option name. Write it without leading dashes, e.g. "b-scale"')
        if value is True:
            argv += [f'--{name}']
        elif isinstance(value, list):
            argv += [f'--{name}', *map(str, value)] if value else []
        elif isinstance(value, dict):
            raise ValueError(f"option '{name}' has an object as value. Give a string, number, boolean or list")
        elif value is not None and value is not False:
            argv += [f'--{name}={value}']
    return argv


def _option_fields(config: type) -> list['dataclasses.Field[Any]']:
    return [field for field in dataclasses.fields(config) if 'help' in field.metadata]


def _dest(config: type, name: str, prefix: str) -> str:
    return f'{prefix}.{config.__qualname__}.{name}'


def _flags(field: 'dataclasses.Field[Any]', prefix: str) -> list[str]:
    if field.metadata['flag']:
        return str(field.metadata['flag']).split()
    negation = ['no'] if field.default is True else []
    return ['--' + '-'.join([*([prefix] if prefix else []), *negation, *field.name.split('_')])]


def _kind(hint: Any, default: Any) -> dict[str, Any]:
    if hint is bool:
        return {'action': 'store_false' if default else 'store_true'}
    origin = typing.get_origin(hint)
    if origin is tuple:
        return {'nargs': '+', 'type': _parser(typing.get_args(hint)[0])}
    if origin is typing.Literal:
        return {'choices': typing.get_args(hint)}
    if origin in (typing.Union, types.UnionType):
        return _kind(next(a for a in typing.get_args(hint) if a is not types.NoneType), default)
    return {'type': _parser(hint)}


def _parser(kind: Any) -> Any:
    return integer if kind is int else kind


def integer(text: str) -> int:
    """Parse an integer, also one that passed through JSON or a spreadsheet as ``250.0``."""
    try:
        return int(text)
    except ValueError:
        value = float(text)
        if not value.is_integer():  # nor are infinities
            raise
        return int(value)


def _metavar(kind: Any) -> str:
    return 'INT' if kind is integer else str(kind.__name__).upper()


def _spell(default: Any) -> str:
    return ' '.join(map(str, default)) if isinstance(default, tuple) else str(default)

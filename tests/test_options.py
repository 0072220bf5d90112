import argparse
from dataclasses import dataclass
from typing import Literal

import pytest

from pifpaf_core.options import add_options, argv_from_mapping, from_args, names, option, to_argv


@dataclass(frozen=True)
class Demo:
    """Demo options."""

    lr: float = option(1e-3, 'learning rate')
    epochs: int | None = option(None, 'number of epochs')
    lr_decay: tuple[float, ...] = option((), 'epochs at which to decay')
    augmentation: bool = option(True, 'augment')
    with_dense: bool = option(False, 'dense connections at 100 %')
    method: Literal['blend', 'max'] = option('blend', 'connection method')
    write: bool = option(False, 'write', flag='--eval-write-predictions --write-predictions')
    derived: int = 3


def parse(argv, prefix=''):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser, Demo, prefix=prefix)
    return from_args(Demo, parser.parse_args(argv), prefix=prefix)


@pytest.mark.parametrize(
    ('argv', 'expected'),
    [
        ([], Demo()),
        (['--lr=0.01'], Demo(lr=0.01)),
        (['--epochs', '250'], Demo(epochs=250)),
        (['--epochs=250.0'], Demo(epochs=250)),
        (['--lr-decay', '220', '240'], Demo(lr_decay=(220.0, 240.0))),
        (['--no-augmentation'], Demo(augmentation=False)),
        (['--with-dense', '--method=max'], Demo(with_dense=True, method='max')),
        (['--write-predictions'], Demo(write=True)),
        (['--eval-write-predictions'], Demo(write=True)),
    ],
)
def test_flags_and_back(argv, expected):
    assert parse(argv) == expected
    assert parse(to_argv(expected)) == expected


def test_prefix_goes_before_the_negation():
    assert parse(['--cocokp-no-augmentation'], prefix='cocokp') == Demo(augmentation=False)
    assert to_argv(Demo(augmentation=False, lr=0.5), prefix='cocokp') == ['--cocokp-lr=0.5', '--cocokp-no-augmentation']


def test_one_dataclass_under_two_prefixes_shares_no_value():
    parser = argparse.ArgumentParser()
    add_options(parser, Demo, prefix='a')
    with pytest.raises(argparse.ArgumentError):  # an explicit flag takes no prefix and cannot be there twice
        add_options(parser, Demo, prefix='b')

    @dataclass(frozen=True)
    class Plain:
        """Plain."""

        upsample: int = option(1, 'upsample')

    parser = argparse.ArgumentParser()
    add_options(parser, Plain, prefix='a')
    add_options(parser, Plain, prefix='b')
    args = parser.parse_args(['--a-upsample=2'])
    assert from_args(Plain, args, prefix='a') == Plain(2)
    assert from_args(Plain, args, prefix='b') == Plain(1)


@pytest.mark.parametrize(
    'argv',
    [
        ['--epochs=2.5'],
        ['--epochs=inf'],
        ['--epochs=1e400'],
        ['--epochs=nan'],
        ['--lr=fast'],
        ['--method=min'],
        ['--lr'],
    ],
)
def test_bad_values_are_usage_errors(argv):
    with pytest.raises(SystemExit) as stop:
        parse(argv)
    assert stop.value.code == 2


def test_help_shows_percent_signs_and_defaults():
    parser = argparse.ArgumentParser()
    add_options(parser, Demo)
    text = parser.format_help()
    assert 'at 100 %' in text
    assert '(default: 0.001)' in text


def test_names_are_those_of_the_flags():
    @dataclass(frozen=True)
    class Config:
        augmentation: bool = option(True, 'switch off')
        n: int = option(1, 'number', flag='-n --number')
        derived: int = 3

    assert names(Config) == ['no-augmentation', 'number']
    assert names(Config, prefix='cocokp') == ['cocokp-no-augmentation', 'number']


def test_mapping_to_flags():
    mapping = {
        'b-scale': 10,
        'lr-decay': [1, 2],
        'cocokp-no-augmentation': True,
        'greedy': False,
        'epochs': None,
        'empty': [],
    }
    assert argv_from_mapping(mapping) == ['--b-scale=10', '--lr-decay', '1', '2', '--cocokp-no-augmentation']


@pytest.mark.parametrize('mapping', [{'--lr': 1}, {'': 1}, {'a=b': 1}, {'lr': {'x': 1}}])
def test_mapping_refuses_what_no_flag_can_carry(mapping):
    with pytest.raises(ValueError, match=r'option'):
        argv_from_mapping(mapping)

"""Flags of the encoders, with the names that users know; their effects are tested beside each encoder."""

import argparse

import pytest

from pifpaf_core.encoders import EncoderOptions
from pifpaf_core.options import add_options, from_args


def parse(*argv):
    parser = argparse.ArgumentParser()
    add_options(parser, EncoderOptions)
    return from_args(EncoderOptions, parser.parse_args(argv))


@pytest.mark.parametrize(
    ('argv', 'expected'),
    [
        ([], EncoderOptions()),
        (['--cif-side-length=5'], EncoderOptions(cif_side_length=5)),
        (['--caf-min-size=4', '--caf-fixed-size'], EncoderOptions(caf_min_size=4, caf_fixed_size=True)),
        (['--caf-aspect-ratio', '0.2'], EncoderOptions(caf_aspect_ratio=0.2)),
        (['--encoder-no-suppress-selfhidden'], EncoderOptions(suppress_selfhidden=False)),
        (['--encoder-suppress-invisible'], EncoderOptions(suppress_invisible=True)),
        (['--encoder-suppress-collision'], EncoderOptions(suppress_collision=True)),
    ],
)
def test_flags(argv, expected):
    assert parse(*argv) == expected


@pytest.mark.parametrize(
    'flag', ['--cif-side-length=0', '--caf-min-size=0', '--caf-aspect-ratio=-1', '--caf-aspect-ratio=nan']
)
def test_values_out_of_range(flag):
    with pytest.raises(ValueError, match=rf'{flag.partition("=")[0]} is .*\. Give'):
        parse(flag)

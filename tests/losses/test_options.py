"""Flags of the losses, with the names that users know; their effects are tested beside each loss."""

import argparse

import pytest

from pifpaf_core.losses import LossOptions
from pifpaf_core.options import add_options, from_args


def parse(*argv):
    parser = argparse.ArgumentParser()
    add_options(parser, LossOptions)
    return from_args(LossOptions, parser.parse_args(argv))


@pytest.mark.parametrize(
    ('argv', 'expected'),
    [
        ([], LossOptions()),
        (['--lambdas', '1', '0.5'], LossOptions(lambdas=(1.0, 0.5))),
        (['--component-lambdas', '1', '2', '3'], LossOptions(component_lambdas=(1.0, 2.0, 3.0))),
        (['--auto-tune-mtl'], LossOptions(auto_tune_mtl=True)),
        (['--auto-tune-mtl-variance'], LossOptions(auto_tune_mtl_variance=True)),
        (['--focal-alpha=0.25', '--focal-gamma=2'], LossOptions(focal_alpha=0.25, focal_gamma=2.0)),
        (
            ['--bce-soft-clamp=3', '--bce-background-clamp=-10'],
            LossOptions(bce_soft_clamp=3.0, bce_background_clamp=-10.0),
        ),
        (['--b-scale=10.0', '--scale-log'], LossOptions(b_scale=10.0, scale_log=True)),
        (
            ['--scale-soft-clamp=4', '--regression-soft-clamp=6'],
            LossOptions(scale_soft_clamp=4.0, regression_soft_clamp=6.0),
        ),
    ],
)
def test_flags(argv, expected):
    assert parse(*argv) == expected


@pytest.mark.parametrize(
    'argv',
    [
        ['--lambdas', '1', '-1'],
        ['--component-lambdas', 'nan'],
        ['--lambdas', '1', '--component-lambdas', '1'],
        ['--auto-tune-mtl', '--auto-tune-mtl-variance'],
        ['--focal-alpha=0'],
        ['--focal-gamma=-1'],
        ['--b-scale=0'],
        ['--bce-soft-clamp=0'],
        ['--scale-soft-clamp=-5'],
        ['--regression-soft-clamp=nan'],
    ],
)
def test_values_out_of_range(argv):
    with pytest.raises(ValueError, match=rf'{argv[0].partition("=")[0]} .*\. Give'):
        parse(*argv)

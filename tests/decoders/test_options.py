import argparse

import pytest

from pifpaf_core.decoders import DecoderOptions
from pifpaf_core.options import add_options, from_args, to_argv

FLAGS = {
    '--decoder', '--seed-threshold', '--instance-threshold', '--decoder-workers', '--cif-th', '--caf-th',
    '--dense-connections', '--force-complete-pose', '--force-complete-caf-th', '--nms-before-force-complete',
    '--keypoint-threshold', '--keypoint-threshold-rel', '--greedy', '--connection-method', '--cifcaf-block-joints',
    '--no-reverse-match',
}  # fmt: skip


def parsed(*argv):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser, DecoderOptions)
    return from_args(DecoderOptions, parser.parse_args(argv))


def test_flags_of_the_ancestor():
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser, DecoderOptions)
    assert {flag for action in parser._actions for flag in action.option_strings} == FLAGS


def test_defaults():
    assert parsed() == DecoderOptions()
    options = DecoderOptions()
    assert (options.seed_threshold, options.cif_th, options.caf_th) == (0.2, 0.3, 0.3)
    assert (options.keypoint_threshold, options.keypoint_threshold_rel) == (0.15, 0.5)
    assert (options.force_complete_caf_th, options.connection_method, options.reverse_match) == (0.001, 'blend', True)


def test_what_users_type():
    options = parsed(
        '--force-complete-pose', '--seed-threshold=0.1', '--decoder=cifcaf:0', '--no-reverse-match',
        '--dense-connections', '--cifcaf-block-joints',
        '--connection-method=max', '--instance-threshold', '0.05',
        '--decoder-workers=3',
    )  # fmt: skip
    assert options == DecoderOptions(
        force_complete_pose=True, seed_threshold=0.1, decoder=('cifcaf:0',), reverse_match=False, dense_connections=1.0,
        block_joints=True, connection_method='max', instance_threshold=0.05, decoder_workers=3,
    )  # fmt: skip
    assert parsed('--dense-connections=0.5').dense_connections == 0.5


def test_round_trip():
    options = DecoderOptions(
        decoder=('cifcaf:0', 'cifdet'), dense_connections=0.5, greedy=True, reverse_match=False, block_joints=True,
        force_complete_caf_th=-1.0, nms_before_force_complete=True,
    )  # fmt: skip
    assert parsed(*to_argv(options)) == options


@pytest.mark.parametrize(
    ('values', 'flag'),
    [
        ({'seed_threshold': -0.1}, '--seed-threshold'),
        ({'cif_th': 1.5}, '--cif-th'),
        ({'caf_th': float('nan')}, '--caf-th'),
        ({'instance_threshold': 2.0}, '--instance-threshold'),
        ({'keypoint_threshold': -1.0}, '--keypoint-threshold'),
        ({'keypoint_threshold_rel': 1.1}, '--keypoint-threshold-rel'),
        ({'dense_connections': 7.0}, '--dense-connections'),
        ({'force_complete_caf_th': -0.5}, '--force-complete-caf-th'),
        ({'decoder_workers': 0}, '--decoder-workers'),
    ],
)
def test_values_out_of_range(values, flag):
    with pytest.raises(ValueError, match=rf'{flag} is .*\. Give '):
        DecoderOptions(**values)

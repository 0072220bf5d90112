"""Options of OpenPifPaf that this library does not have, and why: what its users are told instead of 'unknown'.

``docs/options.md`` lists every option; a test holds both together.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class NotTakenOver:
    """Options that are missing for one reason.

    Attributes:
        flags: patterns of flags.
        reason: why they are missing; ends the sentence 'is not taken over from OpenPifPaf: ...'.
        commands: names of the commands that lack them; empty for all.
        remedy: what to do instead.
    """

    flags: tuple[str, ...]
    reason: str
    commands: tuple[str, ...] = ()
    remedy: str = 'Leave it out'


NOT_TAKEN_OVER = (
    NotTakenOver(('--tr-*', '--trackingpose-*', '--posesimilarity-*'), 'poses are not tracked from image to image'),
    NotTakenOver(
        ('--posetrack-*', '--posetrack2017-*', '--posetrack2018-*', '--cocokpst-*'),
        'it belongs to a data set for tracking, and poses are not tracked',
    ),
    NotTakenOver(('--nuscenes-*', '--cifar10-*'), 'this data set is not supported'),
    NotTakenOver(('--animal-eval-test*',), 'Animal-Pose has no such images'),
    NotTakenOver(('--ablation-*',), 'it switched off a part of the decoder for an experiment'),
    NotTakenOver(('--task-sparsity-weight',), 'it was an experiment', remedy='Use --lambdas or --auto-tune-mtl'),
    NotTakenOver(('--cross-talk',), 'it was an experiment that crashed'),
    NotTakenOver(('--log-stats',), 'a training always logs its statistics'),
    NotTakenOver(('--video-fps', '--video-dpi'), 'the copy of a video has its own rate and size'),
    NotTakenOver(
        ('--show-frontier-order',),
        'only the order of accepted connections is recorded',
        remedy='Use --show-decoding-order',
    ),
    NotTakenOver(
        ('--profile-decoder',),
        'decoders are compiled, and a profile of Python would not see them',
        remedy='Their time is in what eval and predict report',
    ),
    NotTakenOver(('--eval-loader-warmup',), 'nothing waits for loaders to warm up'),
    NotTakenOver(('--cf4-no-inplace-ops',), 'no operation of the heads works in place'),
    NotTakenOver(
        (
            *('--basenet', '--head-consolidation', '--cf4-*', '--resnet-*', '--shufflenetv2-*', '--shufflenetv2k-*'),
            *('--mobilenetv2-*', '--mobilenetv3-*'),
        ),
        'the checkpoint knows its network',
        commands=('eval', 'predict'),
    ),
    NotTakenOver(('--save-all',), 'curves are always saved', commands=('logs',), remedy='Choose a place with --output'),
    NotTakenOver(
        (
            *('--image-*', '--textbox-alpha', '--text-color', '--font-size', '--monocolor-connections', '--line-width'),
            *('--skeleton-solid-threshold', '--show-box', '--white-overlay', '--show-joint-*', '--show-decoding-order'),
            '--show-only-decoded-connections',
        ),
        'logs draws curves, no poses',
        commands=('logs',),
    ),
)


def explanation(flag: str, *, command: str) -> str | None:
    """What to tell somebody who gave ``flag`` to ``command``, which does not know it; None if it was never an option.

    Args:
        flag: with its dashes, without a value.
        command: name of the command, e.g. ``eval``.
    """
    for row in NOT_TAKEN_OVER:
        if (not row.commands or command in row.commands) and any(fnmatchcase(flag, known) for known in row.flags):
            return f"option '{flag}' is not taken over from OpenPifPaf: {row.reason}. {row.remedy}"
    return None

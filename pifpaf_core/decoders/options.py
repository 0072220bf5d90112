"""Options of the decoders, with the names that OpenPifPaf's users know."""

from dataclasses import dataclass
from typing import Literal

from ..options import option


@dataclass(frozen=True)
class DecoderOptions:
    """Decoding fields into poses and boxes (FIELDS sections 12 and 14).

    Raises:
        ValueError: a threshold outside of its range or a number of workers below 1.
    """

    decoder: tuple[str, ...] = option(
        (), 'decoders to use: cifcaf, cifdet, or one of several as cifcaf:0 (default: all that the heads allow)'
    )
    seed_threshold: float = option(0.2, 'least confidence of the keypoint or centre from which an instance is started')
    instance_threshold: float | None = option(
        None, 'drop instances below this score (default: 0.15, or 0.0 with --force-complete-pose)'
    )
    decoder_workers: int | None = option(None, 'threads that decode the images of a batch (default: one a CPU core)')
    cif_th: float = option(0.3, 'least confidence of CIF cells that enter the high-resolution map')
    caf_th: float = option(0.3, 'least confidence of CAF cells that connect keypoints')
    dense_connections: float = option(
        0.0,
        'use the dense CAF head too, its confidences times this factor; 1.0 without a value',
        nargs='?',
        const=1.0,
        metavar='FACTOR',
    )
    force_complete_pose: bool = option(False, 'find a place for every keypoint of every pose')
    force_complete_caf_th: float = option(
        0.001, 'CAF threshold while poses are completed; -1 copies missing keypoints from their neighbours at once'
    )
    nms_before_force_complete: bool = option(False, 'suppress duplicate poses once more before they are completed')
    keypoint_threshold: float = option(0.15, 'drop keypoints below this confidence')
    keypoint_threshold_rel: float = option(
        0.5, 'refuse a keypoint whose confidence is below this share of the one that it is grown from'
    )
    greedy: bool = option(False, 'accept the first connection to a keypoint in place of the best one')
    connection_method: Literal['blend', 'max'] = option(
        'blend', 'grow into the weighted mean of the two best candidates or into the best one'
    )
    block_joints: bool = option(
        False,
        "refuse a keypoint in a place that another pose's keypoint of this kind occupies",
        flag='--cifcaf-block-joints',
    )
    reverse_match: bool = option(True, 'accept connections that do not lead back to where they start')

    def __post_init__(self) -> None:
        for name in (
            'seed_threshold',
            'cif_th',
            'caf_th',
            'keypoint_threshold',
            'keypoint_threshold_rel',
            'dense_connections',
            'instance_threshold',
        ):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f'--{name.replace("_", "-")} is {value}. Give a number from 0 to 1')
        if not (0.0 <= self.force_complete_caf_th <= 1.0 or self.force_complete_caf_th == -1.0):
            raise ValueError(
                f'--force-complete-caf-th is {self.force_complete_caf_th}. Give a number from 0 to 1, or -1'
            )
        if self.decoder_workers is not None and self.decoder_workers < 1:
            raise ValueError(f'--decoder-workers is {self.decoder_workers}. Give 1 or more')

"""What is suspicious about annotated instances: left and right, places, boxes. Needs no torch.

Where `coco_checks` finds what no program can use, this finds what a person should look at: each kind has a rule, and a
share of instances up to which it is taken for an exception that photographs have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Record = Mapping[str, Any]

_OUTSIDE = 1.0  # pixels
_BOX_MARGIN, _BOX_MARGIN_PIXELS = 0.5, 4.0
_SURE_FACE, _SURE_TORSO = 0.2, 0.4


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        name: for the table.
        rule: what counts.
        tolerated: share of what was checked that is no reason to fail.
    """

    name: str
    rule: str
    tolerated: float = 0.0


SWAPPED = Kind(
    'left and right swapped',
    'the visible right eye, left eye and nose run anticlockwise, or shoulders and hips run the other way round than '
    'a visible face',
    0.02,
)
OUTSIDE = Kind('keypoints outside the image', f'a labelled keypoint is more than {_OUTSIDE:g} pixel outside')
LOOSE_BOX = Kind(
    'box does not hold its keypoints',
    f'a labelled keypoint is outside by more than {_BOX_MARGIN:.0%} of the side and {_BOX_MARGIN_PIXELS:g} pixels',
    0.02,
)
EMPTY_IMAGE = Kind('image without annotations', 'no annotation belongs to it', 1.0)


def instance_findings(annotation: Record, image: Record, names: Sequence[str]) -> Iterator[Kind]:
    """The kinds of findings about one sound annotation, of a category with keypoint ``names``, in its image."""
    values = annotation.get('keypoints')
    if annotation.get('iscrowd') or not names or not values:
        return
    keypoints = np.asarray(values, np.float64).reshape(-1, 3)
    labelled = keypoints[keypoints[:, 2] > 0, :2]
    if _beyond(labelled, np.array([0.0, 0.0, image['width'] - 1.0, image['height'] - 1.0]), np.full(2, _OUTSIDE)):
        yield OUTSIDE
    if 'bbox' in annotation:
        box = np.asarray(annotation['bbox'], np.float64)
        if _beyond(labelled, box, np.maximum(_BOX_MARGIN * box[2:], _BOX_MARGIN_PIXELS)):
            yield LOOSE_BOX
    if is_swapped(keypoints, names):
        yield SWAPPED


def is_swapped(keypoints: Array, names: Sequence[str]) -> bool:
    """Whether left and right of one instance [K, 3] seem to be exchanged, by the rule of `SWAPPED`.

    Eyes and nose that are visible are seen from the front, so right eye, left eye and nose turn clockwise on the screen
    however the head is tilted. Who shows the face shows the front of the torso too, mostly. Profiles, of which these
    triangles are slim, and skeletons without these keypoints are not judged. Of 554 people in photographs of COCO this
    finds 2, and 198 once left and right are exchanged.
    """
    found = {_plain(name): row for name, row in zip(names, keypoints, strict=True)}
    face = _turn(found, 'right_eye', 'left_eye', ('nose',), visibility=2, sure=_SURE_FACE)
    if face is None:
        return False
    torso = _turn(found, 'right_shoulder', 'left_shoulder', ('left_hip', 'right_hip'), visibility=1, sure=_SURE_TORSO)
    return face < 0 or (torso is not None and torso < 0)


def _turn(
    found: Mapping[str, Array], right: str, left: str, below: tuple[str, ...], *, visibility: int, sure: float
) -> int | None:
    """1 if right, left and the middle of ``below`` turn clockwise on the screen, -1 if not, None if that is unsure."""
    if any(name not in found or found[name][2] < visibility for name in (right, left, *below)):
        return None
    across = found[left][:2] - found[right][:2]
    down = np.mean([found[name][:2] for name in below], axis=0) - (found[left][:2] + found[right][:2]) / 2.0
    area = float(across[0] * down[1] - across[1] * down[0])
    if abs(area) < sure * max(float(across @ across), float(down @ down)):
        return None
    return 1 if area > 0.0 else -1


def _plain(name: str) -> str:
    """``L_eye`` as ``left_eye``."""
    lower = name.lower()
    return {'l_': 'left_', 'r_': 'right_'}.get(lower[:2], lower[:2]) + lower[2:]


def _beyond(points: Array, box: Array, margin: Array) -> bool:
    low, high = box[:2] - margin, box[:2] + box[2:] + margin
    return bool(((points < low) | (points > high)).any())

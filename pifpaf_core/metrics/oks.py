"""Object keypoint similarity (OKS) as COCO defines it, and which pose is which person's. Needs numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..annotation import Array


@dataclass(frozen=True)
class Matching:
    """Poses assigned to people.

    Attributes:
        pairs: index of the pose, index of the person, their OKS; best first.
        poses_left: poses that are nobody's.
        people_left: people without a pose.
    """

    pairs: tuple[tuple[int, int, float], ...]
    poses_left: tuple[int, ...]
    people_left: tuple[int, ...]

    @property
    def one_to_one(self) -> bool:
        """Whether each person has exactly one pose and no pose is left over."""
        return not self.poses_left and not self.people_left


def oks(poses: Array, people: Array, areas: Array, *, sigmas: Sequence[float]) -> Array:
    """OKS of each pose with each person.

    Args:
        poses: [P, K, 3], x, y in pixels and anything.
        people: [N, K, 3], x, y in pixels and visibility; only labelled keypoints (v > 0) count.
        areas: [N] in square pixels, of the persons' segments.
        sigmas: K of the skeleton.

    Returns:
        [P, N] in [0, 1]; 0 for a person without a labelled keypoint.
    """
    poses, people = np.asarray(poses, np.float64), np.asarray(people, np.float64)
    distance2 = np.sum((poses[:, None, :, :2] - people[None, :, :, :2]) ** 2, axis=-1)
    variance = (2.0 * np.asarray(sigmas)) ** 2
    similarity = np.exp(-distance2 / (2.0 * variance * (np.asarray(areas)[None, :, None] + np.spacing(1))))
    labelled = people[None, :, :, 2] > 0
    mean: Array = np.sum(similarity * labelled, axis=-1) / np.maximum(1, labelled.sum(axis=-1))
    return mean


def match(poses: Array, people: Array, areas: Array, *, sigmas: Sequence[float], threshold: float = 0.5) -> Matching:
    """Assign each pose to at most one person and each person at most one pose, the most similar pair first.

    Args:
        poses: as in `oks`.
        people: as in `oks`.
        areas: as in `oks`.
        sigmas: as in `oks`.
        threshold: pairs with less OKS do not match.
    """
    similarity = oks(poses, people, areas, sigmas=sigmas)
    pairs: list[tuple[int, int, float]] = []
    for flat in np.argsort(-similarity, axis=None, kind='stable'):
        pose, person = (int(i) for i in np.unravel_index(flat, similarity.shape))
        value = float(similarity[pose, person])
        if value >= threshold and all(pose != p and person != q for p, q, _ in pairs):
            pairs.append((pose, person, value))
    matched_poses, matched_people = {p for p, _, _ in pairs}, {q for _, q, _ in pairs}
    return Matching(
        pairs=tuple(pairs),
        poses_left=tuple(i for i in range(len(poses)) if i not in matched_poses),
        people_left=tuple(i for i in range(len(people)) if i not in matched_people),
    )

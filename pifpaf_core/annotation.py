"""Instances in pixels: ground truth as arrays, decoded poses and boxes, and their COCO JSON."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .headmeta import CifDet
from .skeletons import Skeleton

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The N annotated instances of one image, as arrays. Fields that a data set lacks have N rows all the same.

    Attributes:
        keypoints: [N, K, 3] float64, x, y in pixels and visibility v: 0 not labelled, 1 hidden, 2 visible. K may be 0.
        boxes: [N, 4] float64, x, y, width, height in pixels.
        crowd: [N] bool, a region of many instances that is ignored in training.
        categories: [N] int64, COCO's category ids.
    """

    keypoints: Array
    boxes: Array
    crowd: Array
    categories: Array

    def __len__(self) -> int:
        return len(self.boxes)

    def selected(self, keep: Array) -> 'GroundTruth':
        """The instances of a boolean mask or an index array [M]."""
        return GroundTruth(self.keypoints[keep], self.boxes[keep], self.crowd[keep], self.categories[keep])

    @classmethod
    def empty(cls, n_keypoints: int) -> 'GroundTruth':
        """No instance."""
        return cls(np.zeros((0, n_keypoints, 3)), np.zeros((0, 4)), np.zeros(0, bool), np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class Pose:
    """One decoded instance with keypoints.

    Attributes:
        skeleton: what the K keypoints are.
        keypoints: [K, 3] float, x, y in pixels and confidence v in [0, 1]; all zero where nothing was found. A v of
            1e-5 is a copy made to complete the pose.
        scales: [K] float, size of each keypoint in pixels.
        category_id: COCO's category.
        decoding_order: [n, 2] int pairs of keypoint indices, in the order in which the pose was grown, for debugging;
            may be empty.
    """

    skeleton: Skeleton
    keypoints: Array
    scales: Array
    category_id: int = 1
    decoding_order: Array = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    @property
    def score(self) -> float:
        """Weighted mean of the confidences in falling order, by the skeleton's weights (FIELDS section 12)."""
        confidences = np.sort(self.keypoints[:, 2].astype(np.float64))[::-1]
        weights = np.asarray(self.skeleton.score_weights or np.ones(len(confidences)), np.float64)
        return float(np.sum(weights / np.sum(weights) * confidences))

    @property
    def box(self) -> Array:
        """[4] x, y, width, height in pixels around the found keypoints and their scales; zeros if there are none."""
        found = self.keypoints[:, 2] > 0
        if not found.any():
            return np.zeros(4)
        xy = self.keypoints[found, :2].astype(np.float64)
        scale = self.scales[found, None].astype(np.float64)
        low, high = np.min(xy - scale, axis=0), np.max(xy + scale, axis=0)
        return np.concatenate([low, high - low])

    def inverse(self, matrix: Array) -> 'Pose':
        """The pose in original pixels; ``matrix`` [3, 3] maps original -> here. Keypoint sizes follow the x scale."""
        back = np.linalg.inv(matrix)
        keypoints = self.keypoints.astype(np.float64)
        keypoints[:, :2] = keypoints[:, :2] @ back[:2, :2].T + back[:2, 2]
        never_found = (self.keypoints == 0).all(axis=1) & (self.scales == 0)
        keypoints[never_found] = 0.0
        return replace(
            self, keypoints=keypoints, scales=self.scales.astype(np.float64) * np.hypot(back[0, 0], back[1, 0])
        )

    def to_coco(self) -> dict[str, Any]:
        """A COCO result record without image id; rounding as FIELDS section 12, rule 9."""
        keypoints = self.keypoints.astype(np.float64).copy()
        found = keypoints[:, 2] > 0
        keypoints[found, 2] = np.maximum(0.01, keypoints[found, 2])
        return {
            'keypoints': np.around(keypoints, 2).reshape(-1).tolist(),
            'bbox': np.around(self.box, 2).tolist(),
            'score': max(0.001, round(self.score, 3)),
            'category_id': self.category_id,
        }


@dataclass(frozen=True, eq=False)
class Box:
    """One decoded box.

    Attributes:
        meta: the detection head that it came from; its categories name it.
        xywh: [4] float, x, y, width, height in pixels.
        score: confidence in [0, 1].
        category_id: one-based index into the categories.
    """

    meta: CifDet
    xywh: Array
    score: float
    category_id: int

    @property
    def category(self) -> str:
        """Name of the category."""
        return self.meta.categories[self.category_id - 1]

    @property
    def box(self) -> Array:
        """[4] x, y, width, height in pixels."""
        return self.xywh

    def inverse(self, matrix: Array) -> 'Box':
        """The box around the inversely mapped corners; ``matrix`` [3, 3] maps original -> here."""
        back = np.linalg.inv(matrix)
        x, y, w, h = self.xywh.astype(np.float64)
        corners = np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]]) @ back[:2, :2].T + back[:2, 2]
        low, high = corners.min(axis=0), corners.max(axis=0)
        return replace(self, xywh=np.concatenate([low, high - low]))

    def to_coco(self) -> dict[str, Any]:
        """A COCO result record without image id."""
        return {
            'bbox': np.around(self.xywh.astype(np.float64), 2).tolist(),
            'score': max(0.001, round(float(self.score), 3)),
            'category_id': self.category_id,
            'category': self.category,
        }


Annotation = Pose | Box

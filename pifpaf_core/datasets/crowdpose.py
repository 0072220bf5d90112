"""The keypoints of persons in CrowdPose."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..options import option
from ..skeletons.crowdpose import CROWDPOSE_PERSON
from .coco import CocoImages
from .coco_checks import read_json
from .keypoints import KeypointModule, KeypointOptions

_ROOT = 'data-crowdpose'
_CROWD_INDEX = {'easy': (0.0, 0.1), 'medium': (0.1, 0.8), 'hard': (0.8, 1.0)}


@dataclass(frozen=True)
class CrowdPoseOptions(KeypointOptions):
    """data module CrowdPose."""

    train_annotations: str = option(f'{_ROOT}/json/crowdpose_train.json', 'file of the training annotations')
    val_annotations: str = option(f'{_ROOT}/json/crowdpose_val.json', 'file of the validation annotations')
    test_annotations: str = option(f'{_ROOT}/json/crowdpose_test.json', 'file of the test annotations')
    image_dir: str = option(f'{_ROOT}/images/', 'folder of all images')
    train_image_dir: str = ''
    val_image_dir: str = ''
    eval_test: bool = option(False, 'evaluate the test images')
    index: Literal['easy', 'medium', 'hard'] | None = option(
        None, 'evaluate the images whose crowd index is up to 0.1, between, or above 0.8 (default: all)'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eval_test and self.eval_annotations is not None:
            raise ValueError(
                '--crowdpose-eval-test and --crowdpose-eval-annotations name different images to evaluate. '
                'Give one of them'
            )


class CrowdPose(KeypointModule):
    """CrowdPose's persons: 14 keypoints, 15 connections.

    Its files say no areas of instances; the metric takes those of the boxes.
    """

    name = 'crowdpose'
    Options = CrowdPoseOptions
    skeleton = CROWDPOSE_PERSON

    options: CrowdPoseOptions

    @property
    def train_files(self) -> tuple[str, str]:
        """Training annotations, and the folder of all images."""
        return self.options.train_annotations, self.options.image_dir

    @property
    def val_files(self) -> tuple[str, str]:
        """Validation annotations, and the folder of all images."""
        return self.options.val_annotations, self.options.image_dir

    @property
    def eval_files(self) -> tuple[str, str]:
        """Validation images, or those of the test set."""
        annotations, folder = super().eval_files
        return self.options.test_annotations if self.options.eval_test else annotations, folder

    def evaluable(self, images: CocoImages) -> CocoImages:
        """Images with labelled persons, and of these the ones that are crowded as asked for."""
        images = super().evaluable(images)
        if self.options.index is None:
            return images
        low, high = _CROWD_INDEX[self.options.index]
        records = read_json(images.annotation_file)['images']
        if any('crowdIndex' not in record for record in records):
            raise ValueError(
                f"'{images.annotation_file}' has images without crowdIndex. Give CrowdPose's file, or leave out "
                '--crowdpose-index'
            )
        index = {record['id']: record['crowdIndex'] for record in records}
        crowded = np.array([index[image_id] for image_id in images.ids.tolist()])
        keep = (crowded <= high) & ((crowded > low) if low else (crowded >= 0.0))
        return images.selected(np.flatnonzero(keep))

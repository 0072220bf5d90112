"""The keypoints of body, feet, face and hands in COCO-WholeBody."""

import math
from dataclasses import dataclass
from typing import Any

from ..headmeta import HeadMeta
from ..options import option
from ..skeletons.wholebody import WHOLEBODY
from .centrality import weighted
from .keypoints import KeypointModule, KeypointOptions

_ROOT = 'data-mscoco'
_PARTS = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')


@dataclass(frozen=True)
class WholeBodyOptions(KeypointOptions):
    """data module wholebody."""

    train_annotations: str = option(
        f'{_ROOT}/annotations/person_keypoints_train2017_wholebody_pifpaf_style.json',
        'training annotations, with all keypoints in one list or as COCO-WholeBody has them',
    )
    val_annotations: str = option(
        f'{_ROOT}/annotations/coco_wholebody_val_v1.0.json', 'validation annotations, likewise'
    )
    train_image_dir: str = option(f'{_ROOT}/images/train2017/', 'folder of the training images')
    val_image_dir: str = option(f'{_ROOT}/images/val2017', 'folder of the validation images')
    bmin: float = option(1.0, 'smallest width b in pixels of the regression loss')
    apply_local_centrality_weights: bool = option(
        False, 'in training, weigh keypoints by how far apart they are, so that body, face and hands count alike'
    )
    eval_test2017: bool = option(False, 'predict the images of test2017, which have no annotations')
    eval_testdev2017: bool = option(False, 'predict the images of test-dev2017, which have no annotations')

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum([self.eval_test2017, self.eval_testdev2017, self.eval_annotations is not None]) > 1:
            raise ValueError(
                '--wholebody-eval-test2017, --wholebody-eval-testdev2017 and --wholebody-eval-annotations name '
                'different images to evaluate. Give one of them'
            )


def joined(document: dict[str, Any]) -> dict[str, Any]:
    """A document with the 133 keypoints of each annotation in one list, where they were in lists by part.

    Visibility of faces and hands is a confidence in some files: what is above 0 is labelled.
    """
    person = {'id': 1, 'name': 'person', 'keypoints': list(WHOLEBODY.names)}
    annotations = [_joined(a) if isinstance(a, dict) else a for a in document.get('annotations', [])]
    return {**document, 'categories': [person], 'annotations': annotations}


def _joined(annotation: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(annotation.get('keypoints'), list):
        return annotation
    values = [value for part in _PARTS for value in annotation.get(part) or ()]
    values[2::3] = [min(2, math.ceil(v)) if isinstance(v, float) else v for v in values[2::3]]
    return {**annotation, 'keypoints': values, 'num_keypoints': sum(v > 0 for v in values[2::3])}


class WholeBody(KeypointModule):
    """Persons with feet, face and hands: 133 keypoints, 160 connections.

    ``--wholebody-apply-local-centrality-weights`` weighs the losses of each field by `centrality.keypoint_weights`.
    Without it 110 of 133 fields are of face and hands, and the body is trained in passing.
    """

    name = 'wholebody'
    Options = WholeBodyOptions
    skeleton = WHOLEBODY
    convert = staticmethod(joined)

    options: WholeBodyOptions

    @property
    def head_metas(self) -> tuple[HeadMeta, ...]:
        """Keypoints and connections, weighed if asked for."""
        metas = super().head_metas
        return tuple(map(weighted, metas)) if self.options.apply_local_centrality_weights else metas

    @property
    def eval_files(self) -> tuple[str, str]:
        """Validation images, or those of a test set."""
        options = self.options
        if options.eval_test2017 or options.eval_testdev2017:
            split = 'test2017' if options.eval_test2017 else 'test-dev2017'
            return f'{_ROOT}/annotations/image_info_{split}.json', options.eval_image_dir or f'{_ROOT}/images/test2017/'
        return super().eval_files

"""The keypoints of persons in COCO 2017."""

from dataclasses import dataclass

from ..headmeta import Caf, HeadMeta
from ..options import option
from ..skeletons import Skeleton
from ..skeletons.cocokp import COCO_PERSON, COCO_PERSON_TREE
from .keypoints import KeypointModule, KeypointOptions

_ROOT = 'data-mscoco'


@dataclass(frozen=True)
class CocoKpOptions(KeypointOptions):
    """data module CocoKp."""

    train_annotations: str = option(
        f'{_ROOT}/annotations/person_keypoints_train2017.json', 'COCO file of the training annotations'
    )
    val_annotations: str = option(
        f'{_ROOT}/annotations/person_keypoints_val2017.json', 'COCO file of the validation annotations'
    )
    train_image_dir: str = option(f'{_ROOT}/images/train2017/', 'folder of the training images')
    val_image_dir: str = option(f'{_ROOT}/images/val2017/', 'folder of the validation images')
    with_dense: bool = option(False, 'train also a head for dense connections')
    kinematic_tree: bool = option(False, 'connect the keypoints as a tree of 16 connections instead of the usual 19')
    eval_test2017: bool = option(False, 'predict the images of test2017, which have no annotations')
    eval_testdev2017: bool = option(False, 'predict the images of test-dev2017, which have no annotations')
    eval_annotation_filter: bool = option(
        True, 'evaluate also images without keypoint annotations', flag='--coco-no-eval-annotation-filter'
    )
    eval_long_edge: int = option(
        641, 'long side in pixels of images in evaluation; 0 keeps their size', flag='--coco-eval-long-edge'
    )
    eval_extended_scale: bool = option(
        False, 'evaluate every other image, drawn by its id, at half the long edge', flag='--coco-eval-extended-scale'
    )
    eval_orientation_invariant: float = option(
        0.0, 'probability that an image is turned in evaluation', flag='--coco-eval-orientation-invariant'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum([self.eval_test2017, self.eval_testdev2017, self.eval_annotations is not None]) > 1:
            raise ValueError(
                '--cocokp-eval-test2017, --cocokp-eval-testdev2017 and --cocokp-eval-annotations name different '
                'images to evaluate. Give one of them'
            )
        if self.with_dense and self.kinematic_tree:
            raise ValueError(
                '--cocokp-with-dense adds connections that --cocokp-kinematic-tree leaves out. Give one of them'
            )


class CocoKp(KeypointModule):
    """COCO persons: 17 keypoints, 19 connections, 25 further dense ones."""

    name = 'cocokp'
    Options = CocoKpOptions

    options: CocoKpOptions

    @property
    def skeleton(self) -> Skeleton:  # type: ignore[override]
        """The person, with ``--cocokp-kinematic-tree`` as a tree."""
        return COCO_PERSON_TREE if self.options.kinematic_tree else COCO_PERSON

    @property
    def head_metas(self) -> tuple[HeadMeta, ...]:
        """Keypoints, connections, and with ``--cocokp-with-dense`` dense connections."""
        if not self.options.with_dense:
            return super().head_metas
        dense = Caf(name='caf25', dataset=self.name, skeleton=self.skeleton, upsample=self.options.upsample, dense=True)
        return (*super().head_metas, dense)

    @property
    def eval_files(self) -> tuple[str, str]:
        """Validation images, or those of a test set."""
        options = self.options
        if options.eval_test2017 or options.eval_testdev2017:
            split = 'test2017' if options.eval_test2017 else 'test-dev2017'
            return f'{_ROOT}/annotations/image_info_{split}.json', options.eval_image_dir or f'{_ROOT}/images/test2017/'
        return super().eval_files

"""The things of COCO 2017, as boxes of 80 categories."""

from dataclasses import dataclass

from ..headmeta import CifDet, HeadMeta
from ..metrics.coco import CocoDetection
from ..options import option
from ..transforms.augmentation import Augmentation
from .coco import CocoImages, read_coco
from .coco_categories import COCO_2017, COCO_CATEGORIES
from .coco_module import CocoModule, CocoOptions

_ROOT = 'data-mscoco'


@dataclass(frozen=True)
class CocoDetOptions(CocoOptions):
    """data module CocoDet."""

    train_annotations: str = option(
        f'{_ROOT}/annotations/instances_train2017.json', 'COCO file of the training annotations'
    )
    val_annotations: str = option(
        f'{_ROOT}/annotations/instances_val2017.json', 'COCO file of the validation annotations'
    )
    train_image_dir: str = option(f'{_ROOT}/images/train2017/', 'folder of the training images')
    val_image_dir: str = option(f'{_ROOT}/images/val2017/', 'folder of the validation images')


class CocoDet(CocoModule):
    """COCO boxes. A field for each of COCO's 91 category ids, of which 80 are used; field = id - 1."""

    name = 'cocodet'
    Options = CocoDetOptions
    recipe = Augmentation(
        edge=513, scale=(0.7, 1.5), rotation=10.0, rotation_probability=0.2, min_size=4.0, min_visible=0.75
    )  # FIELDS section 9
    extended_scale = (0.5, 2.0)

    options: CocoDetOptions

    @property
    def head_metas(self) -> tuple[HeadMeta, ...]:
        """Boxes."""
        return (CifDet(name='cifdet', dataset=self.name, categories=COCO_CATEGORIES, upsample=self.options.upsample),)

    def read(self, annotations: str, folder: str) -> CocoImages:
        """Read and check an annotation file; keypoints in it do not matter."""
        images = read_coco(annotations, folder, n_keypoints=0)
        ids = images.truth.categories
        wrong = ids[(ids < 1) | (ids > len(COCO_CATEGORIES))]
        if len(wrong):
            raise ValueError(
                f"'{annotations}' has annotations of category {wrong[0]}, and cocodet knows COCO's categories, 1 to "
                f"{len(COCO_CATEGORIES)}. Give COCO's instances file, or number the categories as COCO does"
            )
        return images

    def trainable(self, images: CocoImages) -> CocoImages:
        """Images with any annotation."""
        return images.with_annotations()

    def metric(self) -> CocoDetection:
        """COCO's box metric over the 80 categories."""
        return CocoDetection(self.eval_files[0], categories=COCO_2017)

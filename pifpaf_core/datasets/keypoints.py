"""A data module over COCO files with keypoints of one skeleton. A data set is a subclass with tables and defaults."""

from dataclasses import dataclass

from ..headmeta import Caf, Cif, HeadMeta
from ..metrics.coco import CocoKeypoints
from ..options import option
from ..skeletons import Skeleton
from .coco import CocoImages, Converter, read_coco
from .coco_module import CocoModule, CocoOptions


@dataclass(frozen=True)
class KeypointOptions(CocoOptions):
    """Options that all data sets with keypoints have; a data set overrides defaults.

    Raises:
        ValueError: a value that makes no sense, with the remedy.
    """

    min_kp_anns: int = option(1, 'leave out images with fewer instances that have a labelled keypoint')
    bmin: float = option(0.1, 'smallest width b in pixels of the regression loss')
    eval_annotation_filter: bool = option(True, 'evaluate also images without keypoint annotations')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_kp_anns < 0:
            raise ValueError(f'min-kp-anns is {self.min_kp_anns}. Give 0 to keep all images, or more')
        if not self.bmin > 0.0:
            raise ValueError(f'bmin is {self.bmin} pixels. Give a positive number, e.g. 0.1')


class KeypointModule(CocoModule):
    """Heads, loaders and metric of a data set with one kind of skeleton.

    Subclasses set ``name``, ``Options`` (a subclass of `KeypointOptions`), ``skeleton``, and where they differ
    ``categories``, the ids of the categories that have it (None: all; they count as one kind), ``recipe`` and
    ``extended_scale``; ``convert`` brings a file of another layout into COCO's.
    """

    skeleton: Skeleton
    categories: tuple[int, ...] | None = (1,)
    convert: Converter | None = None

    options: KeypointOptions

    @property
    def head_metas(self) -> tuple[HeadMeta, ...]:
        """Keypoints and their connections."""
        upsample = self.options.upsample
        return (
            Cif(name='cif', dataset=self.name, skeleton=self.skeleton, upsample=upsample),
            Caf(name='caf', dataset=self.name, skeleton=self.skeleton, upsample=upsample),
        )

    @property
    def mirror(self) -> tuple[int, ...]:
        """The skeleton's."""
        return self.skeleton.mirror

    @property
    def bmin(self) -> float:
        """As the options say."""
        return self.options.bmin

    def read(self, annotations: str, folder: str) -> CocoImages:
        """Read and check an annotation file."""
        return read_coco(
            annotations,
            folder,
            n_keypoints=len(self.skeleton.keypoints),
            categories=self.categories,
            convert=self.convert,
        )

    def trainable(self, images: CocoImages) -> CocoImages:
        """Images with enough instances that have a labelled keypoint."""
        return images.with_keypoints(self.options.min_kp_anns)

    def evaluable(self, images: CocoImages) -> CocoImages:
        """The same, unless the file has no annotations or all images are asked for."""
        if self.options.eval_annotation_filter and len(images.truth):
            return images.with_keypoints(self.options.min_kp_anns)
        return images

    def metric(self) -> CocoKeypoints:
        """COCO's keypoint metric with the skeleton's sigmas."""
        return CocoKeypoints(
            self.eval_files[0], sigmas=self.skeleton.sigmas, categories=self.categories, convert=self.convert
        )

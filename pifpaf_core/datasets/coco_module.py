"""What data modules over COCO files have in common: files, the recipe of augmentation, and preprocessing."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..encoders import EncoderOptions
from ..headmeta import HeadMeta
from ..options import option
from ..readers import is_remote
from ..transforms.augmentation import Augmentation
from ..transforms.preprocess import Padding, Preprocess
from ..transforms.warp import Resample
from .coco import CocoImages
from .coco_samples import CocoEvalSamples, CocoSource, EvalVariation
from .module import DataModule


@dataclass(frozen=True)
class CocoOptions:
    """Options that all data sets in COCO's format have; a data set overrides defaults.

    Raises:
        ValueError: a value that makes no sense, with the remedy.
    """

    train_annotations: str = option('', 'COCO file of the training annotations')
    val_annotations: str = option('', 'COCO file of the validation annotations')
    train_image_dir: str = option('', 'folder of the training images')
    val_image_dir: str = option('', 'folder of the validation images')
    eval_annotations: str | None = option(
        None, 'COCO file of the images to evaluate, with annotations or without (default: the validation annotations)'
    )
    eval_image_dir: str | None = option(
        None, 'folder of the images to evaluate (default: that of the validation images)'
    )
    square_edge: int | None = option(
        None, "side in pixels of training images (default: --square-edge, else the data set's own)"
    )
    extended_scale: bool = option(False, 'vary the scale of training images more')
    orientation_invariant: float = option(
        0.0, 'probability that a training image is turned by a multiple of 90 degrees'
    )
    blur: float = option(0.0, 'probability that a training image is blurred')
    augmentation: bool = option(True, 'do not vary training images: rescale and pad only, in fixed order')
    rescale_images: float = option(1.0, 'further factor of the scale of training images, with augmentation')
    upsample: int = option(1, 'factor by which heads refine the grid of the backbone')
    eval_long_edge: int = option(641, 'long side in pixels of images in evaluation; 0 keeps their size')
    eval_extended_scale: bool = option(False, 'evaluate every other image, drawn by its id, at half the long edge')
    eval_orientation_invariant: float = option(
        0.0, 'probability that an image is turned by 90, 180 or 270 degrees in evaluation'
    )

    def __post_init__(self) -> None:
        if self.square_edge is not None and self.square_edge < 17:
            raise ValueError(
                f'a square edge of {self.square_edge} pixels is too small. Give at least 17; n * 16 + 1 is best'
            )
        if self.eval_long_edge < 0 or self.eval_long_edge == 1:
            raise ValueError(
                f'a long edge of {self.eval_long_edge} pixels makes no image. Give e.g. 641, or 0 to keep sizes'
            )
        for name in ('orientation_invariant', 'blur', 'eval_orientation_invariant'):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f'{name.replace("_", "-")} is {getattr(self, name)}, a probability. Give 0 to 1')
        if not self.rescale_images > 0.0:
            raise ValueError(f'rescale-images is {self.rescale_images}. Give a positive factor')
        if self.upsample < 1:
            raise ValueError(f'upsample is {self.upsample}. Give 1, 2 or 4')
        defaults = {'extended_scale': False, 'orientation_invariant': 0.0, 'blur': 0.0, 'rescale_images': 1.0}
        for name, default in defaults.items():
            if not self.augmentation and getattr(self, name) != default:
                raise ValueError(f'no-augmentation leaves {name.replace("_", "-")} out. Give one of them')


class CocoModule(DataModule):
    """Loaders and preprocessing of a data set in COCO's format.

    Subclasses set ``name``, ``Options`` (a subclass of `CocoOptions`) and the tables below, and say what they read,
    keep and compare.
    """

    recipe: ClassVar[Augmentation] = Augmentation(edge=385)
    extended_scale: ClassVar[tuple[float, float]] = (0.25, 2.0)

    options: CocoOptions

    @abc.abstractmethod
    def read(self, annotations: str, folder: str) -> CocoImages:
        """Read and check an annotation file."""

    @abc.abstractmethod
    def trainable(self, images: CocoImages) -> CocoImages:
        """The images that are worth training with."""

    def evaluable(self, images: CocoImages) -> CocoImages:
        """The images to evaluate, of those that the file has."""
        return images

    @property
    def mirror(self) -> tuple[int, ...] | None:
        """For each keypoint the one whose place it takes in a mirrored image; None without keypoints."""
        return None

    @property
    def bmin(self) -> float:
        """Smallest width b in pixels of the regression loss of keypoints."""
        return 0.1

    @property
    def train_files(self) -> tuple[str, str]:
        """Annotation file and image folder of the training images."""
        return self.options.train_annotations, self.options.train_image_dir

    @property
    def val_files(self) -> tuple[str, str]:
        """Annotation file and image folder of the validation images."""
        return self.options.val_annotations, self.options.val_image_dir

    @property
    def eval_files(self) -> tuple[str, str]:
        """Annotation file and image folder of the images to evaluate."""
        annotations, folder = self.val_files
        return self.options.eval_annotations or annotations, self.options.eval_image_dir or folder

    def train_source(self, metas: Sequence[HeadMeta], encoder: EncoderOptions) -> CocoSource:
        """Training samples."""
        return self._source('train', self.train_files, metas, encoder)

    def val_source(self, metas: Sequence[HeadMeta], encoder: EncoderOptions) -> CocoSource:
        """Validation samples, with the same augmentation."""
        return self._source('val', self.val_files, metas, encoder)

    def _source(
        self, split: str, files: tuple[str, str], metas: Sequence[HeadMeta], encoder: EncoderOptions
    ) -> CocoSource:
        images = self._cached(self.trainable(self.read(*files)))
        if not self.loader.in_order:
            images.check_files()
        return CocoSource(
            name=f'{self.name}-{split}',
            dataset=self.name,
            images=images,
            transform=self.transform,
            metas=tuple(metas),
            encoder=encoder,
            bmin=self.bmin,
            seed=self.loader.seed,
            in_order=self.loader.in_order,
        )

    def _cached(self, images: CocoImages) -> CocoImages:
        return images.cached(self.loader.cache) if is_remote(images.image_dir) else images

    @property
    def edge(self) -> int:
        """Side in pixels of training images."""
        return self.options.square_edge or self.loader.square_edge or self.recipe.edge

    @property
    def transform(self) -> Augmentation | Preprocess:
        """What happens to a training image."""
        resample: Resample = self.loader.resample or 'linear'
        if not self.options.augmentation:
            return Preprocess(self.edge, 'square', resample)
        return replace(
            self.recipe,
            edge=self.edge,
            mirror=self.mirror,
            rescale=self.options.rescale_images,
            scale=self.extended_scale if self.options.extended_scale else self.recipe.scale,
            quarter_turn=self.options.orientation_invariant,
            blur=self.options.blur,
            resample=resample,
        )

    def eval_preprocess(
        self, *, padding: Padding = 'tight', long_edge: int | None = None, resample: Resample | None = None
    ) -> Preprocess:
        """How images are prepared for evaluation; see `DataModule`."""
        edge = self.options.eval_long_edge if long_edge is None else long_edge
        return Preprocess(edge, padding, self.loader.resample or resample or 'linear')

    def eval_samples(self, preprocess: Preprocess, *, n_images: int | None = None) -> CocoEvalSamples:
        """The images to evaluate; see `DataModule`."""
        annotations, folder = self.eval_files
        images = self._cached(self.evaluable(self.read(annotations, folder)))
        if n_images is not None:
            images = images.selected(np.arange(min(n_images, len(images))))
        if not len(images):
            raise ValueError(
                f"'{annotations}' has no images to evaluate. Give another file, or lower the filter of annotations"
            )
        images.check_files()
        variation = EvalVariation(preprocess, self.options.eval_extended_scale, self.options.eval_orientation_invariant)
        return CocoEvalSamples(self.name, images, variation)

"""Samples over a COCO table: for training with targets, for evaluation without."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ..encoders import EncoderOptions, encode
from ..headmeta import HeadMeta
from ..transforms.augmentation import Augmentation
from ..transforms.preprocess import Preprocess
from ..transforms.randomness import random_grey, sample_generator
from ..transforms.sample import Sample
from .coco import CocoImages

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class CocoSource:
    """A `Source` over a COCO table.

    Attributes:
        name: data set and split, e.g. ``cocokp-train``; random numbers depend on it.
        dataset: name of the data module; heads of other data sets get no targets.
        images: the table.
        transform: a random augmentation, or the preprocessing of evaluation, padded in a random grey.
        metas: all heads of the network, bound, in order.
        encoder: options of the encoders.
        bmin: smallest width b in pixels of the regression targets.
        seed: of the random numbers.
        in_order: the order never changes.
    """

    name: str
    dataset: str
    images: CocoImages
    transform: Augmentation | Preprocess
    metas: tuple[HeadMeta, ...]
    encoder: EncoderOptions
    bmin: float
    seed: int
    in_order: bool = False

    @property
    def shuffled(self) -> bool:
        """Whether the order changes from epoch to epoch; only augmented data is shuffled (FIELDS section 9)."""
        return isinstance(self.transform, Augmentation) and not self.in_order

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, epoch: int, index: int) -> Sample:
        """The sample as it looks in this epoch; see `Source`."""
        image, truth = self.images.read(index), self.images.truth_of(index)
        image_id, path = int(self.images.ids[index]), self.images.path(index)
        rng = sample_generator(self.seed, epoch, self.name, index)
        if isinstance(self.transform, Preprocess):
            fill = random_grey(rng)
            return self.transform(image, truth, image_id=image_id, file_name=path, dataset=self.dataset, fill=fill)
        return self.transform(image, truth, rng, image_id=image_id, file_name=path, dataset=self.dataset)

    def prefetch(self, indices: Sequence[int]) -> None:
        """Begin to read images that lie afar; see `Source`."""
        self.images.folder.prefetch([self.images.names[index] for index in indices])

    def targets(self, sample: Sample) -> list[Array | None]:
        """Target fields for each head; see `Source`."""
        return [
            encode(
                meta,
                sample.truth,
                size=sample.meta.size,
                valid_area=sample.meta.valid_area,
                options=self.encoder,
                bmin=self.bmin,
            )
            if meta.dataset == self.dataset
            else None
            for meta in self.metas
        ]


@dataclass(frozen=True, eq=False)
class CocoEvalSamples:
    """`EvalSamples` over a COCO table.

    Attributes:
        dataset: name of the data module.
        images: the table.
        preprocess: for an image id, how the image is prepared.
    """

    dataset: str
    images: CocoImages
    preprocess: Callable[[int], Preprocess]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        image_id = int(self.images.ids[index])
        return self.preprocess(image_id)(
            self.images.read(index),
            self.images.truth_of(index),
            image_id=image_id,
            file_name=self.images.path(index),
            dataset=self.dataset,
        )


@dataclass(frozen=True)
class EvalVariation:
    """How the images of an evaluation differ from plain ones, as a function of the image id alone.

    Attributes:
        preprocess: of a plain image.
        extended_scale: every other image, drawn by its id, is seen at half the long edge.
        orientation_invariant: probability that an image is turned by 90, 180 or 270 degrees.
    """

    preprocess: Preprocess
    extended_scale: bool = False
    orientation_invariant: float = 0.0

    def __call__(self, image_id: int) -> Preprocess:
        """The preprocessing of one image."""
        half, turn, turns = sample_generator(0, 0, 'evaluation', image_id).random(3)
        chosen = self.preprocess
        if self.extended_scale and chosen.long_edge and half < 0.5:
            chosen = Preprocess((chosen.long_edge - 1) // 2 + 1, chosen.padding, chosen.resample)
        return chosen.turned(1 + int(3 * turns)) if turn < self.orientation_invariant else chosen

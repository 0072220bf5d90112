"""Contracts of data: what a data set offers to training and evaluation, and what a loader yields."""

import abc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy.typing as npt

from ..annotation import Annotation, GroundTruth
from ..encoders import EncoderOptions
from ..headmeta import HeadMeta
from ..transforms.preprocess import Padding, Preprocess
from ..transforms.sample import ImageMeta, Sample
from ..transforms.warp import Resample
from .options import LoaderOptions

if TYPE_CHECKING:
    from torch import Tensor, device

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Training data of one step, all from one data set.

    Attributes:
        images: [B, 3, H, W] uint8, RGB, channels last in memory.
        targets: for each head of the network in order [B, F, C, H, W] float32, or None where this data set has no data.
        metas: B metas of the images.
        dataset: name of the data module.
        problems: images that could not be used and were replaced by the next one: path, problem and remedy.
        truths: B times the annotated instances, in pixels of the images; for pictures.
    """

    images: 'Tensor'
    targets: 'list[Tensor | None]'
    metas: list[ImageMeta]
    dataset: str
    problems: tuple[str, ...] = ()
    truths: list[GroundTruth] = field(default_factory=list)

    def to(self, device: 'device | str') -> 'Batch':
        """The batch on a device; copies from pinned memory overlap with work there."""
        targets = [None if target is None else target.to(device, non_blocking=True) for target in self.targets]
        return replace(self, images=self.images.to(device, non_blocking=True), targets=targets)

    def pin_memory(self) -> 'Batch':
        """The batch in page-locked memory."""
        targets = [None if target is None else target.pin_memory() for target in self.targets]
        return replace(self, images=self.images.pin_memory(), targets=targets)


class Loader(Protocol):
    """Batches, epoch by epoch. What an epoch holds is a function of (seed, epoch), not of workers or earlier epochs."""

    def __len__(self) -> int:
        """Batches in an epoch, the same in every process."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches ``start``, ``start + 1``, ... of an epoch.

        Raises:
            ValueError: more than one in a hundred images cannot be used.
        """

    def close(self) -> None:
        """End the worker processes."""


class Source(Protocol):
    """Training samples of one data set and split, each a function of (epoch, index). Picklable, for workers."""

    @property
    def name(self) -> str:
        """Data set and split, e.g. ``cocokp-train``."""

    @property
    def shuffled(self) -> bool:
        """Whether the order changes from epoch to epoch."""

    def __len__(self) -> int:
        """Number of samples."""

    def sample(self, epoch: int, index: int) -> Sample:
        """The sample as it looks in this epoch.

        Raises:
            OSError, ValueError: the image cannot be used; the message names its path, the problem and the remedy.
        """

    def prefetch(self, indices: Sequence[int]) -> None:
        """Begin to read what these samples need, so that `sample` need not wait for it."""

    def targets(self, sample: Sample) -> list[Array | None]:
        """For each head of the network [F, C, H, W] float32, or None if the head belongs to another data set."""


class EvalSamples(Protocol):
    """Images to evaluate: a lazy sequence. Reading is thread-safe, so that it can overlap with network and decoder."""

    def __len__(self) -> int:
        """Number of images."""

    def __getitem__(self, index: int) -> Sample:
        """Read and preprocess an image; its ground truth is empty where the data set has none.

        Raises:
            OSError, ValueError: the image cannot be used; the message names its path, the problem and the remedy.
        """


class Metric(Protocol):
    """Compares annotations with the ground truth of a data set."""

    def accumulate(self, annotations: Sequence[Annotation], meta: ImageMeta) -> None:
        """Take the annotations of one image, in original pixels and decoder order."""

    def stats(self) -> dict[str, Any]:
        """``stats`` (numbers) and ``text_labels`` (their names); both empty where there is no ground truth."""

    def write_predictions(self, prefix: str) -> list[str]:
        """Write ``<prefix>.predictions.json`` and ``<prefix>.zip``; returns their paths."""


class DataModule(abc.ABC):
    """One data set: its heads, its training and validation loaders, its images to evaluate and its metric.

    Subclasses give their ``name``, which is the flag prefix, and ``Options``, a frozen dataclass of options.
    Instances hold resolved options only: making one touches no file.

    Args:
        options: an instance of ``Options``.
        loader: options that all data sets share.
    """

    name: str
    Options: ClassVar[type]

    def __init__(self, options: Any, loader: LoaderOptions) -> None:
        self.options = options
        self.loader = loader

    @property
    @abc.abstractmethod
    def head_metas(self) -> tuple[HeadMeta, ...]:
        """The heads that this data set trains, not bound to a network."""

    @abc.abstractmethod
    def train_source(self, metas: Sequence[HeadMeta], encoder: EncoderOptions) -> Source:
        """Training samples with targets for the heads of a network; ``metas`` are all of them, bound and in order.

        Raises:
            ValueError: annotations or images are missing or damaged.
        """

    @abc.abstractmethod
    def val_source(self, metas: Sequence[HeadMeta], encoder: EncoderOptions) -> Source:
        """Validation samples, made like training samples."""

    @abc.abstractmethod
    def eval_preprocess(
        self, *, padding: Padding = 'tight', long_edge: int | None = None, resample: Resample | None = None
    ) -> Preprocess:
        """How images are prepared for evaluation.

        Args:
            padding: see `Preprocess`.
            long_edge: in place of the data set's own; 0 keeps the size of the images.
            resample: what the checkpoint was trained with; ``--resample`` wins.
        """

    @abc.abstractmethod
    def eval_samples(self, preprocess: Preprocess, *, n_images: int | None = None) -> EvalSamples:
        """The images to evaluate, the first ``n_images`` of them."""

    @abc.abstractmethod
    def metric(self) -> Metric:
        """A new, empty metric over the images of `eval_samples`."""

"""Plots of what happens inside, image by image: fields, seeds, associations and poses; in training targets too."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..annotation import Annotation, Array, GroundTruth
from ..headmeta import HeadMeta
from ..skeletons import Skeleton
from .canvas import image_canvas
from .fields import save_confidence, save_map, save_regression
from .options import DebugOptions, ShowOptions
from .poses import ground_truth, save_poses
from .seeds import save_associations, save_seeds
from .view import FieldIndex, FieldView, predicted_view, resolve_indices, target_view


class Inspection(Protocol):
    """What a decoder saw on its way from the fields of one image to poses. All places are in pixels."""

    @property
    def skeleton(self) -> Skeleton:
        """Of its poses."""

    @property
    def maps(self) -> Mapping[int, Array]:
        """{head: [F, h, w]} high-resolution confidence maps, one value a pixel."""

    @property
    def seed_fields(self) -> Array:
        """[S] field of each seed."""

    @property
    def seed_confidences(self) -> Array:
        """[S] confidence of each seed."""

    @property
    def seed_xy(self) -> Array:
        """[S, 2] place of each seed."""

    @property
    def associations(self) -> Mapping[int, Sequence[Array]]:
        """{head: one array for each field, [N, 5] confidence, x, y from, x, y to}."""


class Pictured(Protocol):
    """What is plotted of a sample: the network input [H, W, 3] uint8, its ground truth, and where it came from."""

    @property
    def image(self) -> Array:
        """[H, W, 3] uint8."""

    @property
    def truth(self) -> GroundTruth:
        """In pixels of the image."""

    @property
    def meta(self) -> 'Named':
        """Of the image."""


class Named(Protocol):
    """What has a file name and belongs to a data set."""

    @property
    def file_name(self) -> str:
        """Path of the image file."""

    @property
    def dataset(self) -> str:
        """Name of the data set; empty for images given by hand."""


class DebugPlots:
    """An observer of a predictor that plots what options ask for; a training has further things to show, see `plot`.

    Args:
        metas: heads of the network, bound, in order.
        debug: which fields, and whether input, seeds and poses.
        show: where plots go.
        inspect: fields of one image to what each decoder saw; None leaves seeds, maps and associations out.
        poses: plot the annotations over each network input.
        ground_truth: plot the ground truth over each network input.

    Raises:
        ValueError: ``debug`` names a head or field that there is not.
    """

    def __init__(
        self,
        metas: Sequence[HeadMeta],
        *,
        debug: DebugOptions,
        show: ShowOptions,
        inspect: Callable[[list[Array]], Sequence[Inspection]] | None = None,
        poses: bool = False,
        ground_truth: bool = False,
    ) -> None:
        self._metas = list(metas)
        self._indices = resolve_indices(debug.debug_indices, self._metas)
        self._debug = debug
        self._show = show
        self._inspect = inspect
        self._poses = poses or debug.debug_images
        self._ground_truth = ground_truth

    @property
    def active(self) -> bool:
        """Whether there is anything to plot."""
        return self._debug.active or self._poses or self._ground_truth

    def __call__(self, sample: Pictured, fields: list[Array], annotations: list[Annotation]) -> None:
        """Plot one image: its network input, fields in inference layout, annotations in pixels of the input."""
        self.plot(sample, fields, annotations, name=Path(sample.meta.file_name).stem or 'image')

    def plot(
        self,
        sample: Pictured,
        fields: list[Array],
        annotations: list[Annotation],
        *,
        name: str,
        targets: Sequence[Array | None] = (),
    ) -> None:
        """Plot one image under ``name``.

        Args:
            sample: the network input and where it came from.
            fields: for each head [F, C, H, W] in inference layout.
            annotations: decoded, in pixels of the input.
            name: beginning of the files' names.
            targets: for each head what a training asks of it [F, T, H, W], or None for a head that the image does not
                train, of which nothing is plotted then. Empty without a training.

        Raises:
            OSError: a file cannot be written.
        """
        indices = [index for index in self._indices if not targets or targets[index.head] is not None]
        if self._debug.debug_images:
            save_input(self._path(name, 'input'), sample.image, options=self._show)
        for index in indices:
            meta = self._metas[index.head]
            if targets and (target := targets[index.head]) is not None:
                self._save_field(sample.image, target_view(target, meta, index.field), index, f'{name}.target')
            self._save_field(sample.image, predicted_view(fields[index.head], meta, index.field), index, name)
        if self._debug.active and self._inspect is not None:
            for inspection in self._inspect(fields):
                self._save_inspection(sample.image, inspection, indices, name)
        if self._poses:
            save_poses(self._path(name, 'predictions'), sample.image, annotations, options=self._show)
        if self._ground_truth:
            truth = ground_truth(sample.truth, _of_dataset(self._metas, sample.meta.dataset))
            path = self._path(name, 'ground_truth')
            save_poses(path, sample.image, truth, options=self._show, scores=False)

    def _save_field(self, image: Array, view: FieldView, index: FieldIndex, name: str) -> None:
        stem = _stem(name, self._metas, index)
        if index.plot in (None, 'confidence'):
            save_confidence(self._show.path(f'{stem}.confidence'), image, view, options=self._show)
        if index.plot in (None, 'regression'):
            save_regression(self._show.path(f'{stem}.regression'), image, view, options=self._show)

    def _save_inspection(self, image: Array, seen: Inspection, indices: Sequence[FieldIndex], name: str) -> None:
        if self._debug.debug_images:
            save_seeds(
                self._path(name, 'seeds'), image, fields=seen.seed_fields, confidences=seen.seed_confidences,
                xy=seen.seed_xy, skeleton=seen.skeleton, options=self._show,
            )  # fmt: skip
        for index in indices:
            stem, title = _stem(name, self._metas, index), _title(self._metas[index.head], index)
            if index.head in seen.maps and index.plot in (None, 'hr'):
                save_map(
                    self._show.path(f'{stem}.hr'), image, seen.maps[index.head][index.field],
                    title=f'{title}, high-resolution confidence', options=self._show,
                )  # fmt: skip
            if index.head in seen.associations and index.plot in (None, 'associations'):
                found = seen.associations[index.head][index.field]
                save_associations(
                    self._show.path(f'{stem}.associations'), image, confidences=found[:, 0], start=found[:, 1:3],
                    stop=found[:, 3:5], title=f'{title}, {len(found)} associations', options=self._show,
                )  # fmt: skip

    def _path(self, name: str, plot: str) -> Path | None:
        return self._show.path(f'{name}.{plot}')


def save_input(path: Path | None, image: Array, *, options: ShowOptions) -> None:
    """Write the network input [H, W, 3] uint8."""
    with image_canvas(image, path, options=options):
        pass


def _of_dataset(metas: Sequence[HeadMeta], dataset: str) -> Sequence[HeadMeta]:
    """The heads that a data set trains; all, where an image belongs to none."""
    return [meta for meta in metas if meta.dataset == dataset] or metas


def _stem(name: str, metas: Sequence[HeadMeta], index: FieldIndex) -> str:
    """Beginning of file names; with the data set where two have a head of the same name."""
    meta = metas[index.head]
    head = meta.name if sum(other.name == meta.name for other in metas) == 1 else f'{meta.dataset}.{meta.name}'
    return f'{name}.{head}.{index.field:02d}-{_file_name(meta.field_names[index.field])}'


def _title(meta: HeadMeta, index: FieldIndex) -> str:
    return f'{meta.name} {index.field}: {meta.field_names[index.field]}'


def _file_name(name: str) -> str:
    return ''.join(c if c.isalnum() or c in '-_' else '_' for c in name)

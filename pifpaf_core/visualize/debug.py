"""Plots of what happens inside, image by image: targets in training, fields, seeds and poses in prediction."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ..annotation import Annotation, Array, GroundTruth
from ..headmeta import Caf, Cif, HeadMeta
from ..skeletons import Skeleton
from .canvas import image_canvas
from .fields import save_confidence, save_map, save_regression
from .options import DebugOptions, ShowOptions
from .poses import ground_truth_poses, save_poses
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
    """What has a file name."""

    @property
    def file_name(self) -> str:
        """Path of the image file."""


class DebugPlots:
    """An observer of a predictor that plots what options ask for.

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
        name = Path(sample.meta.file_name).stem or 'image'
        if self._debug.debug_images:
            save_input(self._path(name, 'input'), sample.image, options=self._show)
        for index in self._indices:
            view = predicted_view(fields[index.head], self._metas[index.head], index.field)
            _save_field(sample.image, view, index, stem=self._stem(name, index), show=self._show)
        if self._debug.active and self._inspect is not None:
            for inspection in self._inspect(fields):
                self._save_inspection(sample.image, inspection, name)
        if self._poses:
            save_poses(self._path(name, 'predictions'), sample.image, annotations, options=self._show)
        if self._ground_truth:
            self._save_ground_truth(sample, name)

    def _save_inspection(self, image: Array, seen: Inspection, name: str) -> None:
        if self._debug.debug_images:
            save_seeds(
                self._path(name, 'seeds'), image, fields=seen.seed_fields, confidences=seen.seed_confidences,
                xy=seen.seed_xy, skeleton=seen.skeleton, options=self._show,
            )  # fmt: skip
        for index in self._indices:
            stem, title = self._stem(name, index), _title(self._metas[index.head], index)
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

    def _save_ground_truth(self, sample: Pictured, name: str) -> None:
        skeletons = [meta.skeleton for meta in self._metas if isinstance(meta, Cif | Caf)]
        if skeletons:
            poses = ground_truth_poses(sample.truth, skeletons[0])
            save_poses(self._path(name, 'ground_truth'), sample.image, poses, options=self._show)

    def _stem(self, name: str, index: FieldIndex) -> str:
        meta = self._metas[index.head]
        return f'{name}.{meta.name}.{index.field:02d}-{_file_name(meta.field_names[index.field])}'

    def _path(self, name: str, plot: str) -> Path | None:
        return self._show.path(f'{name}.{plot}')


def save_targets(
    image: Array,
    targets: Sequence[Array | None],
    metas: Sequence[HeadMeta],
    *,
    name: str,
    debug: DebugOptions,
    show: ShowOptions,
) -> None:
    """Plot what one training image asks of the network.

    Args:
        image: [H, W, 3] or [3, H, W] uint8, the network input.
        targets: for each head [F, T, H, W], or None where the data set has none for it.
        metas: heads of the network, bound, in order.
        name: of the image, for the files' names.
        debug: which fields, and whether the input.
        show: where plots go.

    Raises:
        ValueError: ``debug`` names a head or field that there is not.
        OSError: a file cannot be written.
    """
    image = np.ascontiguousarray(np.moveaxis(image, 0, -1) if image.shape[0] == 3 else image)
    if debug.debug_images:
        save_input(show.path(f'{name}.input'), image, options=show)
    for index in resolve_indices(debug.debug_indices, metas):
        target = targets[index.head]
        if target is None:
            continue
        meta = metas[index.head]
        stem = f'{name}.target.{meta.name}.{index.field:02d}-{_file_name(meta.field_names[index.field])}'
        _save_field(image, target_view(np.asarray(target), meta, index.field), index, stem=stem, show=show)


def save_input(path: Path | None, image: Array, *, options: ShowOptions) -> None:
    """Write the network input [H, W, 3] uint8."""
    with image_canvas(image, path, options=options):
        pass


def _save_field(image: Array, view: FieldView, index: FieldIndex, *, stem: str, show: ShowOptions) -> None:
    if index.plot in (None, 'confidence'):
        save_confidence(show.path(f'{stem}.confidence'), image, view, options=show)
    if index.plot in (None, 'regression'):
        save_regression(show.path(f'{stem}.regression'), image, view, options=show)


def _title(meta: HeadMeta, index: FieldIndex) -> str:
    return f'{meta.name} {index.field}: {meta.field_names[index.field]}'


def _file_name(name: str) -> str:
    return ''.join(c if c.isalnum() or c in '-_' else '_' for c in name)

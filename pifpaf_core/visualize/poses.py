"""Decoded instances drawn over the photograph: limbs, keypoints, scores and boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.patches import Rectangle

from ..annotation import Annotation, Array, Box, GroundTruth, Pose
from ..headmeta import Caf, Cif, CifDet, HeadMeta
from ..skeletons import Skeleton
from .canvas import image_axes, image_canvas, pixels, pixels_per_point
from .colors import RGB, connection_colors, darker, instance_color, keypoint_colors
from .options import ShowOptions

COPY_CONFIDENCE = 1e-4
"""A keypoint with less confidence was not found: it is a copy of its neighbour, made to complete the pose."""

HIDDEN_CONFIDENCE = 0.4
"""Confidence that stands for an annotated keypoint that is hidden."""

BOX_STYLE = 'round,pad=0.2,rounding_size=0.25'
OUTLINE = (0.05, 0.05, 0.08)


def save_poses(
    path: str | Path | None,
    image: Array,
    annotations: Sequence[Annotation],
    *,
    options: ShowOptions | None = None,
    scores: bool = True,
) -> None:
    """Draw ``annotations`` (in pixels of ``image`` [H, W, 3] uint8 RGB) over it, at its own resolution, into ``path``.

    Args:
        path: file to write, format by its suffix; None writes none.
        image: the photograph.
        annotations: what was decoded or annotated.
        options: how it looks.
        scores: write the score at each instance; ground truth has none.

    Raises:
        OSError: the file cannot be written.
    """
    options = options or ShowOptions()
    with image_canvas(image, path, options=options) as axes:
        draw(axes, annotations, options=options, scores=scores)


def drawn_poses(image: Array, annotations: Sequence[Annotation], *, options: ShowOptions) -> Array:
    """``image`` [H, W, 3] uint8 RGB with ``annotations`` drawn over it, [h, w, 3] uint8 RGB; opens no window."""
    axes = image_axes(image, options=options, window=False)
    draw(axes, annotations, options=options)
    return pixels(axes)


def draw(axes: Axes, annotations: Sequence[Annotation], *, options: ShowOptions, scores: bool = True) -> None:
    """Draw instances; the first one, which the decoder is surest of, lies on top."""
    for index, annotation in reversed(list(enumerate(annotations))):
        color = instance_color(index)
        if isinstance(annotation, Pose):
            _draw_pose(axes, annotation, color, options)
        if options.show_box or not isinstance(annotation, Pose):
            _draw_box(axes, annotation.box, color, options)
    for index, annotation in enumerate(annotations):
        _draw_label(axes, annotation, instance_color(index), options, score=scores)


def ground_truth(truth: GroundTruth, metas: Sequence[HeadMeta]) -> list[Annotation]:
    """Annotated instances as what the heads of their data set would decode to: poses, or boxes; no crowds."""
    for meta in metas:
        if isinstance(meta, Cif | Caf):
            return list(ground_truth_poses(truth, meta.skeleton))
        if isinstance(meta, CifDet):
            kept = truth.selected(~truth.crowd)
            return [Box(meta, xywh, 1.0, int(c)) for xywh, c in zip(kept.boxes, kept.categories, strict=True)]
    return []


def ground_truth_poses(truth: GroundTruth, skeleton: Skeleton) -> list[Pose]:
    """Annotated instances as poses: visible keypoints are certain, hidden ones less, so that their lines are dashed."""
    confidence = np.choose(np.clip(truth.keypoints[..., 2].astype(np.int64), 0, 2), (0.0, HIDDEN_CONFIDENCE, 1.0))
    return [
        Pose(skeleton, np.concatenate([xy, v[:, None]], 1) * (v > 0.0)[:, None], np.zeros(len(v)))
        for xy, v, crowd in zip(truth.keypoints[..., :2], confidence, truth.crowd, strict=True)
        if not crowd
    ]


@dataclass(frozen=True)
class _Stroke:
    """The connections of one pose that can be drawn: L lines with their widths in points."""

    pairs: Array  # [L, 2] keypoint indices
    lines: Array  # [L, 2, 2] end points in pixels
    widths: Array  # [L]
    colors: list[RGB]
    solid: Array  # [L] bool


def _draw_pose(axes: Axes, pose: Pose, color: RGB, options: ShowOptions) -> None:
    found = pose.keypoints[:, 2] > COPY_CONFIDENCE
    if not found.any():
        return
    width = options.line_width or _line_width(pose.keypoints[found, :2], axes)
    stroke = _stroke(pose, found, width, color, options)
    solid = stroke.solid
    outline = max(0.8, 0.35 * width)
    _add_lines(axes, stroke, solid, extra=2.0 * outline, color=OUTLINE, alpha=0.55)
    _add_lines(axes, stroke, ~solid, extra=outline, color=OUTLINE, alpha=0.25)
    _add_lines(axes, stroke, solid)
    _add_lines(axes, stroke, ~solid, dashed=True)
    _draw_keypoints(axes, pose, found, width, color, options)
    if options.show_joint_scales:
        _draw_scales(axes, pose, found, color)
    if options.show_joint_confidences:
        _draw_confidences(axes, pose, found, options)
    if options.show_decoding_order:
        _draw_order(axes, pose, options)


def _stroke(pose: Pose, found: Array, width: float, color: RGB, options: ShowOptions) -> _Stroke:
    connections = np.asarray(pose.skeleton.connections, np.int64).reshape(-1, 2)
    palette = [color] * len(connections) if options.monocolor_connections else connection_colors(pose.skeleton)
    keep: Array = np.asarray(found[connections].all(axis=1))
    if options.show_only_decoded_connections:
        grown = {frozenset(map(int, pair)) for pair in pose.decoding_order}
        keep &= np.array([frozenset(map(int, pair)) in grown for pair in connections], bool)
    pairs = connections[keep]
    confidence = pose.keypoints[pairs, 2].min(axis=1, initial=1.0)
    return _Stroke(
        pairs=pairs,
        lines=pose.keypoints[pairs, :2],
        widths=width * _relative_size(pose)[pairs].mean(axis=1),
        colors=[c for c, kept in zip(palette, keep, strict=True) if kept],
        solid=confidence >= options.skeleton_solid_threshold,
    )


def _line_width(xy: Array, axes: Axes) -> float:
    """Width in points for a pose with keypoints ``xy`` [N, 2]: thin on small people, so that their limbs stay apart."""
    side = float(np.sqrt(np.prod(np.maximum(np.ptp(xy, axis=0), 1.0)) + np.max(np.ptp(xy, axis=0)) ** 2) / np.sqrt(2.0))
    return float(np.clip(0.013 * side / pixels_per_point(axes), 0.8, 3.2))


def _relative_size(pose: Pose) -> Array:
    """[K] Factor by which keypoints, and the lines that end there, are drawn smaller: eyes are finer than hips."""
    sigmas = np.asarray(pose.skeleton.sigmas)
    relative: Array = np.clip(sigmas / np.median(sigmas), 0.6, 1.0)
    return relative


def _add_lines(
    axes: Axes,
    stroke: _Stroke,
    keep: Array,
    *,
    extra: float = 0.0,
    color: RGB | None = None,
    alpha: float = 1.0,
    dashed: bool = False,
) -> None:
    if not keep.any():
        return
    colors = [color or c for c, kept in zip(stroke.colors, keep, strict=True) if kept]
    collection = LineCollection(
        list(stroke.lines[keep]),
        linewidths=stroke.widths[keep] * (0.8 if dashed else 1.0) + extra,
        colors=colors,
        alpha=alpha,
        linestyles=[(0.0, (1.6, 1.6))] if dashed else 'solid',
        capstyle='butt' if dashed else 'round',
    )
    axes.add_collection(collection, autolim=False)


def _draw_keypoints(axes: Axes, pose: Pose, found: Array, width: float, color: RGB, options: ShowOptions) -> None:
    """Discs with a bright rim, in the color of a connection that ends there."""
    colors = [color] * len(found) if options.monocolor_connections else keypoint_colors(pose.skeleton)
    diameter = (1.9 * width + 1.0) * _relative_size(pose)[found] * pixels_per_point(axes)
    axes.add_collection(
        EllipseCollection(
            diameter,
            diameter,
            np.zeros(len(diameter)),
            units='xy',
            offsets=pose.keypoints[found, :2],
            offset_transform=axes.transData,
            facecolors=[c for c, kept in zip(colors, found, strict=True) if kept],
            edgecolors='white',
            linewidths=max(0.5, 0.22 * width),
        ),
        autolim=False,
    )


def _draw_scales(axes: Axes, pose: Pose, found: Array, color: RGB) -> None:
    for (x, y, _), scale in zip(pose.keypoints[found], pose.scales[found], strict=True):
        axes.add_patch(Rectangle((x - scale / 2, y - scale / 2), scale, scale, fill=False, color=color, linewidth=0.8))


def _draw_confidences(axes: Axes, pose: Pose, found: Array, options: ShowOptions) -> None:
    if options.font_size:
        for x, y, confidence in pose.keypoints[found]:
            _text(axes, (x, y), f'{confidence:.2f}', OUTLINE, options, size=0.75, offset=(3.0, 0.0), va='center')


def _draw_order(axes: Axes, pose: Pose, options: ShowOptions) -> None:
    if options.font_size:
        for step, (source, target) in enumerate(pose.decoding_order):
            middle = (pose.keypoints[source, :2] + pose.keypoints[target, :2]) / 2.0
            _text(axes, tuple(middle), str(step), OUTLINE, options, size=0.75, va='center', ha='center')


def _draw_box(axes: Axes, box: Array, color: RGB, options: ShowOptions) -> None:
    line = options.line_width or 1.2
    x, y, width, height = map(float, box)
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=OUTLINE, alpha=0.5, linewidth=line + 1.2))
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=color, linewidth=line))


def _draw_label(axes: Axes, annotation: Annotation, color: RGB, options: ShowOptions, *, score: bool) -> None:
    """Category and score above the upper left corner of the box; inside the picture in any case."""
    name = [] if isinstance(annotation, Pose) else [annotation.category]
    text = ' '.join([*name, f'{annotation.score:.2f}'] if score else name)
    if not options.font_size or annotation.score <= 0.0 or not text:
        return
    x, y = _label_position(axes, annotation, options)
    _text(axes, (x, y), text, darker(color, 0.8), options)


def _label_position(axes: Axes, annotation: Annotation, options: ShowOptions) -> tuple[float, float]:
    point = pixels_per_point(axes)
    line = 1.9 * options.font_size * point
    x, y, width, height = annotation.box
    if isinstance(annotation, Pose):  # above the head, of which the eyes are all that is known
        found = annotation.keypoints[annotation.keypoints[:, 2] > COPY_CONFIDENCE]
        x, y = found[np.argmin(found[:, 1]), :2] if len(found) else (x, y)
        x, y = x - line, y - 0.15 * np.sqrt(width * height)
    right, bottom = axes.get_xlim()[1], axes.get_ylim()[0]
    return float(np.clip(x, 3.0 * point, right - 3.0 * line)), float(np.clip(y, line, bottom - 2.0 * point))


def _text(
    axes: Axes,
    xy: tuple[float, float],
    text: str,
    color: RGB,
    options: ShowOptions,
    *,
    size: float = 1.0,
    offset: tuple[float, float] = (0.0, 2.0),
    va: str = 'bottom',
    ha: str = 'left',
) -> None:
    axes.annotate(
        text,
        xy,
        xytext=offset,
        textcoords='offset points',
        fontsize=size * options.font_size,
        color=options.text_color,
        va=va,
        ha=ha,
        fontweight='bold',
        annotation_clip=False,
        bbox={'facecolor': color, 'alpha': options.textbox_alpha, 'linewidth': 0, 'boxstyle': BOX_STYLE},
    )

"""Composite fields over the image: confidence as heat, vectors as arrows, scales as circles."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection, LineCollection, PatchCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba_array
from matplotlib.patches import Rectangle

from ..annotation import Array
from .canvas import plot_canvas
from .options import ShowOptions
from .view import FieldView

HEAT = LinearSegmentedColormap.from_list('heat', ['#ffd23f', '#ff7a1a', '#e01e5a', '#5b1a86'])
"""Yellow to violet: all of it stands out from a pale grey photograph."""

END_COLORS = ('#0072e3', '#e8590c')
"""Where the first and the second vector of a cell point."""

THRESHOLD = 0.1
"""Cells with less confidence are not drawn as arrows."""


def save_confidence(path: str | Path | None, image: Array, view: FieldView, *, options: ShowOptions) -> None:
    """Draw the confidence of each cell over ``image`` [H, W, 3] uint8; cells that training ignores are hatched."""
    with plot_canvas(pale(image), path, title=f'{view.title}, confidence{_peak(view)}', options=options) as (axes, bar):
        _draw_heat(axes, np.nan_to_num(view.confidence), view.stride)
        _draw_ignored(axes, view)
        colorbar(axes, bar)


def save_regression(path: str | Path | None, image: Array, view: FieldView, *, options: ShowOptions) -> None:
    """Draw where each confident cell points, and the size of what it finds there."""
    two = len(view.ends) > 1
    names = zip(view.end_names, (' (blue)', ' (orange)') if two else ('',), strict=True)
    title = f'{view.title}, vectors to {" and ".join(name + color for name, color in names)}'
    with plot_canvas(pale(image), path, title=title, options=options) as (axes, bar):
        confident = np.nan_to_num(view.confidence) > THRESHOLD
        _draw_scales(axes, view, confident)
        _draw_boxes(axes, view, confident)
        for number, end in enumerate(view.ends):
            _draw_arrows(axes, view, end, confident, color=END_COLORS[number % 2] if two else None)
        bar.set_visible(False) if two else colorbar(axes, bar)


def save_map(path: str | Path | None, image: Array, accumulated: Array, *, title: str, options: ShowOptions) -> None:
    """Draw a high-resolution map [h, w] in [0, 1], one value a pixel of ``image``."""
    with plot_canvas(pale(image), path, title=title, options=options) as (axes, bar):
        _draw_heat(axes, accumulated, 1)
        colorbar(axes, bar)


def pale(image: Array) -> Array:
    """The image in light grey [H, W, 3] uint8, so that colors on it are the data's."""
    grey = image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.repeat(np.rint(95.0 + 0.6 * grey).clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def _peak(view: FieldView) -> str:
    known = view.confidence[np.isfinite(view.confidence)]
    return f' (at most {known.max():.2f})' if known.size else ''


def _draw_heat(axes: Axes, values: Array, stride: int) -> None:
    """Cells [H, W] in [0, 1], each as wide as the stride around its pixel; the more confident the less transparent."""
    height, width = values.shape
    extent = (-stride / 2, (width - 0.5) * stride, (height - 0.5) * stride, -stride / 2)
    opacity = np.clip(values, 0.0, 1.0) ** 0.5 * 0.75
    opacity[values < 0.02] = 0.0
    axes.imshow(values, HEAT, vmin=0.0, vmax=1.0, alpha=opacity, extent=extent, interpolation='nearest', aspect='auto')


def _draw_ignored(axes: Axes, view: FieldView) -> None:
    ignored = np.isnan(view.confidence)
    if not ignored.any():
        return
    half = view.stride / 2
    patches = [Rectangle((x - half, y - half), view.stride, view.stride) for x, y in view.cells[ignored]]
    axes.add_collection(
        PatchCollection(patches, facecolor='none', edgecolor='#2b8a3e', hatch='////', linewidth=0.0), autolim=False
    )


def _draw_arrows(axes: Axes, view: FieldView, end: Array, confident: Array, *, color: str | None) -> None:
    keep = confident & np.isfinite(end).all(axis=-1)
    start, stop, confidence = view.cells[keep], end[keep], view.confidence[keep]
    if not len(start):
        return
    colors = to_rgba_array([color] * len(start)) if color else HEAT(np.clip(confidence, 0.0, 1.0))
    colors[:, 3] = np.clip(confidence, 0.25, 1.0)
    axes.add_collection(LineCollection(list(np.stack([start, stop], 1)), colors=colors, linewidths=0.9), autolim=False)
    axes.scatter(start[:, 0], start[:, 1], s=3.0, c=colors, linewidths=0.0)
    rims = np.concatenate([np.ones((len(colors), 3)), colors[:, 3:]], 1)
    axes.scatter(stop[:, 0], stop[:, 1], s=16.0, c=colors, linewidths=0.5, edgecolors=list(rims), zorder=3)


def _draw_scales(axes: Axes, view: FieldView, confident: Array) -> None:
    """A circle for each place that cells point to, of the size that they report; it is faint, as many coincide."""
    for number, (end, scale) in enumerate(zip(view.ends, view.scales, strict=False)):
        keep = confident & np.isfinite(scale) & np.isfinite(end).all(axis=-1)
        diameter = 2.0 * scale[keep]
        color = END_COLORS[number % 2] if len(view.ends) > 1 else '#5b1a86'
        axes.add_collection(
            EllipseCollection(
                diameter,
                diameter,
                np.zeros(len(diameter)),
                units='xy',
                offsets=end[keep],
                offset_transform=axes.transData,
                facecolors='none',
                edgecolors=color,
                alpha=0.35,
                linewidths=0.8,
            ),
            autolim=False,
        )


def _draw_boxes(axes: Axes, view: FieldView, confident: Array) -> None:
    for centre, size in zip(view.ends, view.sizes, strict=False):
        keep = confident & np.isfinite(centre).all(axis=-1) & np.isfinite(size).all(axis=-1)
        patches = [Rectangle(xy - wh / 2, *wh) for xy, wh in zip(centre[keep], size[keep], strict=True)]
        axes.add_collection(
            PatchCollection(patches, facecolor='none', edgecolor='#5b1a86', alpha=0.35, linewidth=0.8), autolim=False
        )


def colorbar(axes: Axes, bar: Axes) -> None:
    """The scale of `HEAT` in the narrow axes ``bar``."""
    figure = axes.get_figure()
    assert figure is not None
    colorbar = figure.colorbar(ScalarMappable(Normalize(0.0, 1.0), HEAT), cax=bar)
    colorbar.outline.set_visible(False)
    bar.tick_params(labelsize=7, length=2.0, pad=2.0)

"""What a decoder starts from: seeds, and the associations that poses grow along."""

from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from ..annotation import Array
from ..skeletons import Skeleton
from .canvas import plot_canvas
from .colors import keypoint_colors
from .fields import HEAT, colorbar, pale
from .options import ShowOptions


def save_seeds(
    path: str | Path | None,
    image: Array,
    *,
    fields: Array,
    confidences: Array,
    xy: Array,
    skeleton: Skeleton,
    options: ShowOptions,
) -> None:
    """Draw seeds over ``image`` [H, W, 3] uint8: larger with more confidence, in the color of their keypoint.

    Args:
        path: file to write, or None.
        image: the network input.
        fields: [S] index of each seed's keypoint.
        confidences: [S] in [0, 1].
        xy: [S, 2] in pixels.
        skeleton: what the keypoints are.
        options: of the picture.
    """
    colors = np.array(keypoint_colors(skeleton))
    with plot_canvas(pale(image), path, title=f'{len(fields)} seeds', options=options) as (axes, bar):
        bar.set_visible(False)
        order = np.argsort(confidences, kind='stable')
        axes.scatter(
            xy[order, 0],
            xy[order, 1],
            s=4.0 + 40.0 * confidences[order] ** 2,
            c=colors[fields[order]],
            edgecolors='black',
            linewidths=0.4,
            alpha=0.9,
        )
        for field in dict.fromkeys(fields[order[::-1]].tolist()):  # name each keypoint at its most confident seed
            best = order[fields[order] == field][-1]
            axes.annotate(
                skeleton.names[field],
                xy[best],
                xytext=(4.0, 3.0),
                textcoords='offset points',
                fontsize=5.0,
                path_effects=[withStroke(linewidth=1.2, foreground='white')],
            )


def save_associations(
    path: str | Path | None,
    image: Array,
    *,
    confidences: Array,
    start: Array,
    stop: Array,
    title: str,
    options: ShowOptions,
) -> None:
    """Draw candidate connections over ``image`` [H, W, 3] uint8, from a dot to a ring, thicker with more confidence.

    Args:
        path: file to write, or None.
        image: the network input.
        confidences: [N] in [0, 1].
        start: [N, 2] in pixels, where they begin.
        stop: [N, 2] where they end.
        title: above the picture.
        options: of the picture.
    """
    with plot_canvas(pale(image), path, title=title, options=options) as (axes, bar):
        colors = HEAT(np.clip(confidences, 0.0, 1.0))
        widths = 0.4 + 1.6 * confidences
        lines = LineCollection(list(np.stack([start, stop], 1)), colors=colors, linewidths=widths, alpha=0.7)
        axes.add_collection(lines, autolim=False)
        axes.scatter(start[:, 0], start[:, 1], s=6.0, c=colors, linewidths=0.0)
        axes.scatter(stop[:, 0], stop[:, 1], s=14.0, facecolors='none', edgecolors=colors, linewidths=0.8)
        colorbar(axes, bar)

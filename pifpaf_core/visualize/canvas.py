"""A picture to draw on, in the pixel coordinates of an image; saved whole or not at all, without a display."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..annotation import Array
from ..files import atomic_path
from .options import ShowOptions

LONG_SIDE_INCHES = 6.4
PLOT_DPI = 150.0
LayoutEngine = Literal['constrained'] | None


@contextlib.contextmanager
def image_canvas(image: Array, path: str | Path | None, *, options: ShowOptions) -> Iterator[Axes]:
    """Yield axes over ``image`` [H, W, 3] uint8 that fill the picture; pixel centres are integers.

    The picture has the image's own resolution (times ``--image-dpi-factor``).

    Args:
        image: RGB.
        path: file to write, format by its suffix; None writes none.
        options: size and overlay; with ``show``, the figure also opens in a window.

    Raises:
        OSError: the file cannot be written.
        ValueError: a suffix that names no format, or ``show`` without a display.
    """
    axes = image_axes(image, options=options, window=options.show)
    yield axes
    finish(_figure(axes), path, window=options.show)


def image_axes(image: Array, *, options: ShowOptions, window: bool) -> Axes:
    """Axes as of `image_canvas`, in a figure of their own."""
    height, width = image.shape[:2]
    inches, dpi = _size(width, height, options)
    axes = new_figure(figsize=inches, dpi=dpi, window=window).add_axes((0.0, 0.0, 1.0, 1.0))
    show_image(axes, image, white_overlay=options.white_overlay)
    axes.set_axis_off()
    return axes


def pixels(axes: Axes) -> Array:
    """What is drawn in the figure of ``axes``, which has no window: [H, W, 3] uint8 RGB."""
    canvas = _figure(axes).canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def plot_canvas(
    image: Array, path: str | Path | None, *, title: str, options: ShowOptions
) -> Iterator[tuple[Axes, Axes]]:
    """As `image_canvas`, with a title above ``image`` [H, W, 3] uint8, and narrow axes beside it for a colorbar.

    A small image is enlarged, to about a thousand pixels.
    """
    height, width = image.shape[:2]
    (inch_w, inch_h), dpi = _plot_size(width, height, options)
    margin_right, margin_top = 0.55, 0.28
    total_w, total_h = inch_w + margin_right, inch_h + margin_top
    figure = new_figure(figsize=(total_w, total_h), dpi=dpi, window=options.show)
    figure.patch.set_facecolor('white')
    axes = figure.add_axes((0.0, 0.0, inch_w / total_w, inch_h / total_h))
    bar = figure.add_axes(((inch_w + 0.08) / total_w, 0.02, 0.12 / total_w, 0.96 * inch_h / total_h))
    figure.text(0.06 / total_w, (inch_h + 0.5 * margin_top) / total_h, title, va='center', fontsize=9)
    show_image(axes, image, white_overlay=options.white_overlay)
    axes.set_axis_off()
    yield axes, bar
    finish(figure, path, window=options.show)


def show_image(axes: Axes, image: Array, *, white_overlay: float = 0.0) -> None:
    """Draw ``image`` [H, W, 3] uint8 pixel by pixel, mixed with ``white_overlay`` of white."""
    height, width = image.shape[:2]
    if white_overlay > 0.0:
        image = np.rint(255.0 * white_overlay + (1.0 - white_overlay) * image).astype(np.uint8)
    axes.imshow(image, interpolation='nearest', extent=(-0.5, width - 0.5, height - 0.5, -0.5), aspect='auto')
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_autoscale_on(False)


def pixels_per_point(axes: Axes) -> float:
    """Image pixels in a point, the unit of matplotlib's line widths and fonts."""
    window = axes.get_window_extent()
    return float(abs(axes.get_xlim()[1] - axes.get_xlim()[0]) / window.width * _figure(axes).dpi / 72.0)


def finish(figure: Figure, path: str | Path | None, *, window: bool) -> None:
    """Write ``figure`` to ``path`` (None: nowhere), whole or not at all, and show its window until it is closed.

    Raises:
        OSError: the file cannot be written.
        ValueError: the suffix names no format.
    """
    if path is not None:
        kind = Path(path).suffix.lstrip('.').lower()
        if kind not in figure.canvas.get_supported_filetypes():
            raise ValueError(f"'{path}' names no picture format. Use .jpeg, .png, .pdf or .svg")
        with atomic_path(path) as temporary, temporary.open('wb') as file:
            if kind in ('jpg', 'jpeg'):
                figure.savefig(file, format=kind, dpi=figure.dpi, pil_kwargs={'quality': 92, 'subsampling': 0})
            else:
                figure.savefig(file, format=kind, dpi=figure.dpi)
    if window:
        from matplotlib import pyplot

        pyplot.show()
        pyplot.close(figure)


def new_figure(*, figsize: tuple[float, float], dpi: float, window: bool, layout: LayoutEngine = None) -> Figure:
    """An empty figure of a size in inches, with a window or without.

    Raises:
        ValueError: a window, but no display.
    """
    if not window:
        figure = Figure(figsize=figsize, dpi=dpi, layout=layout)
        FigureCanvasAgg(figure)
        return figure
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=figsize, dpi=dpi, layout=layout)
    if type(figure.canvas).__name__ == 'FigureCanvasAgg':
        raise ValueError('--show needs a display, and there is none. Use --save-all')
    return figure


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    return figure


def _size(width: int, height: int, options: ShowOptions) -> tuple[tuple[float, float], float]:
    """Size in inches and pixels per inch. A thousandth of a pixel more: Agg cuts the product off to integers."""
    dpi = _asked_dpi(width, height, options) or max(max(width, height) / LONG_SIDE_INCHES, options.image_min_dpi)
    inches = (width + 1e-3) / dpi, (height + 1e-3) / dpi
    return inches, max(dpi, options.image_min_dpi) * options.image_dpi_factor


def _plot_size(width: int, height: int, options: ShowOptions) -> tuple[tuple[float, float], float]:
    """As `_size`, but network inputs are often small and there is more to see than their pixels: enlarged."""
    dpi = _asked_dpi(width, height, options) or max(width, height) / LONG_SIDE_INCHES
    return (width / dpi, height / dpi), max(dpi, options.image_min_dpi, PLOT_DPI) * options.image_dpi_factor


def _asked_dpi(width: int, height: int, options: ShowOptions) -> float | None:
    if options.image_width is not None:
        return width / options.image_width
    return height / options.image_height if options.image_height is not None else None

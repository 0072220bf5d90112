"""Curves of trainings over the epoch: losses, learning rate, time, precision; several runs on shared axes."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..annotation import Array
from ..run_log import Curve, RunLog
from .canvas import new_figure

COLORS = ('#3b6fd4', '#e8590c', '#2b9348', '#c2255c', '#7048c8', '#0b8a94', '#a16207', '#495057')
PANEL = (3.9, 2.6)
"""Inches of one panel."""

DPI = 110.0
TOTAL = 'loss'

MANY_POINTS = 200
"""Curves with more points are drawn faint, with a running mean on top."""


def loss_figure(runs: Sequence[RunLog], *, first_epoch: float, share_y: bool, window: bool = False) -> Figure:
    """The total loss and that of each component: per batch as a line, validation as dots."""
    rows = _rows_by_head(runs)
    figure, axes = _panels([name for row in rows for name in row], columns=len(rows[0]), window=window)
    named = {name: ax for ax, name in zip(axes, (name for row in rows for name in row), strict=True) if name}
    for run, color in _colored(runs):
        for name, ax in named.items():
            if name != TOTAL and name not in run.field_names:
                continue
            component = None if name == TOTAL else run.field_names.index(name)
            kind = 'train' if len(run.train) >= len(run.train_epochs) else 'train-epoch'
            _line(ax, run.loss(kind, component).since(first_epoch), color)
            _dots(ax, run.loss('val-epoch', component).since(first_epoch), color)
    for ax in named.values():
        _fit(ax)
    if share_y:
        for kind in {name.rpartition('.')[2] for name in named}:
            _share([ax for name, ax in named.items() if name.rpartition('.')[2] == kind])
    return _legend(figure, runs, 'lines: training, dots: validation')


def training_figure(runs: Sequence[RunLog], *, first_epoch: float, window: bool = False) -> Figure:
    """Learning rate, seconds a batch and the share of time spent waiting for data."""
    figure, axes = _panels(['learning rate', 'seconds a batch', 'waiting for data'], columns=3, window=window)
    curves: tuple[Callable[[RunLog], Curve], ...] = (RunLog.learning_rate, RunLog.batch_seconds, RunLog.data_wait)
    for run, color in _colored(runs):
        for ax, curve in zip(axes, curves, strict=True):
            _line(ax, curve(run).since(first_epoch), color, smooth=ax is not axes[0])
    axes[0].set_yscale('log')
    axes[1].set_ylim(bottom=0.0)
    axes[2].set_ylim(0.0, 1.0)
    axes[2].yaxis.set_major_formatter(PercentFormatter(1.0))
    return _legend(figure, runs)


def evaluation_figure(runs: Sequence[RunLog], *, first_epoch: float, window: bool = False) -> Figure | None:
    """Each number of the evaluations by epoch; None without evaluations."""
    panels = list(dict.fromkeys(
        (dataset, label)
        for run in runs for dataset, by_epoch in run.evaluations.items()
        for stats in by_epoch.values() for label in stats['text_labels']
    ))  # fmt: skip
    if not panels:
        return None
    figure, axes = _panels([f'{dataset} {label}' for dataset, label in panels], columns=5, window=window)
    for run, color in _colored(runs):
        for ax, (dataset, label) in zip(axes, panels, strict=True):
            curve = run.statistic(dataset, label).since(first_epoch)
            ax.plot(curve.epoch, curve.value, color=color, linewidth=1.2)
            _dots(ax, curve, color)
    for ax in axes:
        ax.set_ylim(0.0, 1.0)
    return _legend(figure, runs)


def sigma_figure(runs: Sequence[RunLog], *, first_epoch: float, window: bool = False) -> Figure:
    """The automatic weight of each loss component (``--auto-tune-mtl``)."""
    names = _component_names(runs)
    figure, axes = _panels([f'{name} sigma' for name in names], columns=3, window=window)
    for run, color in _colored(runs):
        for ax, name in zip(axes, names, strict=True):
            if name in run.field_names:
                _line(ax, run.sigma(run.field_names.index(name)).since(first_epoch), color)
    return _legend(figure, runs)


def _rows_by_head(runs: Sequence[RunLog]) -> list[list[str]]:
    """Titles of panels: the total before the first head, then a row for each head; empty where there is no panel."""
    heads: dict[str, list[str]] = {}
    for name in _component_names(runs):
        heads.setdefault(name.rpartition('.')[0], []).append(name)
    width = max(map(len, heads.values()), default=0)
    rows = [['', *names, *[''] * (width - len(names))] for names in heads.values()] or [['']]
    rows[0][0] = TOTAL
    return rows


def _component_names(runs: Sequence[RunLog]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.field_names))


def _colored(runs: Sequence[RunLog]) -> list[tuple[RunLog, str]]:
    return [(run, COLORS[i % len(COLORS)]) for i, run in enumerate(runs)]


def _panels(titles: Sequence[str], *, columns: int, window: bool) -> tuple[Figure, list[Axes]]:
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    figsize = columns * PANEL[0], rows * PANEL[1] + 0.5
    figure = new_figure(figsize=figsize, dpi=DPI, window=window, layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = [ax for row in grid for ax in row]
    for ax, title in zip(axes, titles, strict=False):
        ax.set_visible(bool(title))
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        ax.set_title(title, fontsize=9, loc='left')
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.spines[['top', 'right']].set_visible(False)
        ax.set_xlabel('epoch', fontsize=8)
    for ax in axes[len(titles) :]:
        ax.set_visible(False)
    return figure, axes[: len(titles)]


def _line(ax: Axes, curve: Curve, color: str, *, smooth: bool = True) -> None:
    keep = np.isfinite(curve.value)
    epoch, value = curve.epoch[keep], curve.value[keep]
    many = smooth and len(value) > MANY_POINTS
    ax.plot(epoch, value, color=color, linewidth=0.6 if many else 1.2, alpha=0.3 if many else 1.0)
    if many:
        ax.plot(epoch, _running_mean(value, len(value) // 50), color=color, linewidth=1.4)


def _dots(ax: Axes, curve: Curve, color: str) -> None:
    ax.plot(curve.epoch, curve.value, 'o', color=color, markersize=4.0, markeredgecolor='white', markeredgewidth=0.6)


def _running_mean(values: Array, width: int) -> Array:
    """[N] mean over ``width`` values around each, fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - width // 2, 0), np.minimum(at + width // 2 + 1, len(values))
    mean: Array = (total[high] - total[low]) / (high - low)
    return mean


def _fit(ax: Axes) -> None:
    """Limits that the first, huge losses do not stretch."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.get_lines()] or [np.zeros(1)])
    values = values[np.isfinite(values)]
    if len(values):
        low, high = values.min(), np.percentile(values, 97.0) if len(values) > 50 else values.max()
        margin = 0.06 * max(high - low, 1e-6)
        ax.set_ylim(low - margin, high + margin)


def _share(axes: Sequence[Axes]) -> None:
    limits = np.array([ax.get_ylim() for ax in axes])
    for ax in axes:
        ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def _legend(figure: Figure, runs: Sequence[RunLog], note: str = '') -> Figure:
    handles = [Line2D([], [], color=color, linewidth=2.0) for _, color in _colored(runs)]
    title = note or None
    figure.legend(
        handles, [run.label for run in runs], loc='outside upper left', ncols=2, fontsize=8, frameon=False, title=title,
        title_fontsize=8, alignment='left',
    )  # fmt: skip
    return figure

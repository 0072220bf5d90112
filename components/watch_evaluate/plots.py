"""The report's curves as PNG files. Their names are the same for each training: MLflow then shows them side by side."""

import io
from collections.abc import Mapping, Sequence

from components.runtime.training_log import Point, curve

Curve = Sequence[tuple[int, float]]


def plots(points: Sequence[Point], validation: Mapping[str, Curve]) -> dict[str, bytes]:
    """PNG files by name, in reading order; one without data is left out.

    Args:
        points: of the training log.
        validation: {figure: curve over epochs}.
    """
    per_epoch = {point.name for point in points if point.name.startswith('epoch/train/')}
    figures: dict[str, tuple[dict[str, Curve], str, str]] = {
        'ap.png': (dict(validation), 'epoch', 'validation'),
        'loss.png': (
            {'training': curve(points, 'epoch/train_loss'), 'validation': curve(points, 'epoch/val_loss')},
            'epoch',
            'loss',
        ),
        'head-losses.png': (
            {name.removeprefix('epoch/train/'): curve(points, name) for name in sorted(per_epoch)},
            'epoch',
            'training loss by component',
        ),
        'learning-rate.png': ({'': curve(points, 'train/lr')}, 'batch', 'learning rate'),
    }
    return {name: _plot(*figure) for name, figure in figures.items() if any(map(len, figure[0].values()))}


def _plot(curves: Mapping[str, Curve], x_label: str, title: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout='constrained')
    axes = figure.subplots()
    for name, values in curves.items():
        if values:
            axes.plot(*zip(*values, strict=True), marker='o' if len(values) < 40 else None, markersize=4, label=name)
    axes.set(xlabel=x_label, title=title)
    axes.grid(alpha=0.3)
    if any(curves):
        axes.legend(fontsize='small')
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    return buffer.getvalue()

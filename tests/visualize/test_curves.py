import numpy as np
import pytest

from pifpaf_core.run_log import RunLog
from pifpaf_core.visualize.curves import evaluation_figure, loss_figure, sigma_figure, training_figure

NAMES = ('cocokp.cif.c', 'cocokp.cif.vec', 'cocokp.caf.c')


def training(scale=1.0, *, n=300, names=NAMES, evaluations=None):
    """A training of 30 epochs whose loss begins huge."""
    records = tuple(
        {
            'type': 'train', 'epoch': batch // 10, 'batch': batch % 10, 'n_batches': 10, 'loss': 1e5 / (1 + batch) ** 2,
            'head_losses': [scale * (i + 1.0) for i in range(len(names))], 'lr': 1e-3, 'time': 0.09, 'data_time': 0.01,
            'mtl_sigmas': [0.5] * len(names),
        }
        for batch in range(n)
    )  # fmt: skip
    validation = ({'type': 'val-epoch', 'epoch': 30, 'loss': 3.0, 'head_losses': [2.0] * len(names)},)
    return RunLog('run', names, records, (), validation, evaluations or {})


def panels(figure):
    """The visible axes by title."""
    return {ax.get_title(loc='left'): ax for ax in figure.axes if ax.get_visible()}


def test_a_panel_for_each_component():
    figure = loss_figure([training()], first_epoch=0.0, share_y=True)
    assert list(panels(figure)) == ['loss', *NAMES]


def test_several_runs_with_different_heads():
    runs = [training(), training(names=('cocokp.cif.c', 'cocodet.cifdet.c'))]
    axes = panels(loss_figure(runs, first_epoch=0.0, share_y=True))
    assert list(axes) == ['loss', *NAMES, 'cocodet.cifdet.c']
    colors = {name: {line.get_color() for line in ax.get_lines()} for name, ax in axes.items()}
    assert len(colors['cocokp.cif.c']) == 2
    assert len(colors['cocokp.caf.c']) == len(colors['cocodet.cifdet.c']) == 1


def test_the_first_huge_losses_do_not_stretch_the_axis():
    low, high = panels(loss_figure([training()], first_epoch=0.0, share_y=True))['loss'].get_ylim()
    assert low < 1.0 < high < 5e4


def test_shared_axes():
    shared = panels(loss_figure([training()], first_epoch=0.0, share_y=True))
    own = panels(loss_figure([training()], first_epoch=0.0, share_y=False))
    assert shared['cocokp.cif.c'].get_ylim() == shared['cocokp.caf.c'].get_ylim()
    assert own['cocokp.cif.c'].get_ylim() != own['cocokp.caf.c'].get_ylim()


def test_first_epoch():
    for figure in (
        loss_figure([training()], first_epoch=15.0, share_y=True),
        training_figure([training()], first_epoch=15.0),
    ):
        for ax in panels(figure).values():
            assert min(min(line.get_xdata(), default=99.0) for line in ax.get_lines()) >= 15.0


def test_many_points_get_a_running_mean():
    assert len(panels(loss_figure([training(n=300)], first_epoch=0.0, share_y=True))['loss'].get_lines()) == 3
    assert len(panels(loss_figure([training(n=100)], first_epoch=0.0, share_y=True))['loss'].get_lines()) == 2


def test_rate_time_and_waiting():
    axes = panels(training_figure([training()], first_epoch=0.0))
    values = {name: float(np.mean(ax.get_lines()[0].get_ydata())) for name, ax in axes.items()}
    assert values == pytest.approx({'learning rate': 1e-3, 'seconds a batch': 0.1, 'waiting for data': 0.1})


def test_precision_by_epoch():
    stats = {
        5: {'stats': [0.2, 0.4], 'text_labels': ['AP', 'AP0.5']},
        10: {'stats': [0.3, 0.5], 'text_labels': ['AP', 'AP0.5']},
    }
    figure = evaluation_figure([training(), training(evaluations={'cocokp': stats})], first_epoch=0.0)
    axes = panels(figure)
    assert list(axes) == ['cocokp AP', 'cocokp AP0.5']
    drawn = [line for line in axes['cocokp AP'].get_lines() if len(line.get_xdata())]
    assert drawn[0].get_xdata().tolist() == [5, 10]
    assert drawn[0].get_ydata().tolist() == [0.2, 0.3]
    assert evaluation_figure([training()], first_epoch=0.0) is None


def test_sigmas():
    axes = panels(sigma_figure([training()], first_epoch=0.0))
    assert list(axes) == [f'{name} sigma' for name in NAMES]
    assert axes['cocokp.cif.c sigma'].get_lines()[0].get_ydata()[0] == 0.5

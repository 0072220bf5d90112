"""The report of a training: curves, AP by epoch, arguments and versions, as one page without any outside reference.

The KFP UI shows the page inside a sandboxed frame, so pictures are inlined and there is no script.
"""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.runtime.training_log import LogParser, Point, curve

from .evaluation import HEADLINE

Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Report:
    """What is told about one training.

    Attributes:
        run_id: its name.
        record: the run's ``run.json``.
        evaluations: {epoch: result}.
        best: the best epoch.
        log: the training log's text; may be empty.
    """

    run_id: str
    record: Mapping[str, Any]
    evaluations: Mapping[int, Mapping[str, Any]]
    best: int
    log: str

    def pictures(self) -> dict[str, bytes]:
        """PNG files by name; the names are the same for each training, so that MLflow can show them side by side."""
        points, _ = self._read_log()
        plots: dict[str, tuple[dict[str, Curve], str, str]] = {
            'ap.png': ({name: self.ap_curve(name) for name in ('AP', 'AP50', 'AR')}, 'epoch', 'validation'),
            'loss.png': ({'loss': curve(points, 'train/loss')}, 'batch', 'training loss'),
            'learning-rate.png': ({'lr': curve(points, 'train/lr')}, 'batch', 'learning rate'),
        }
        return {name: _plot(*plot) for name, plot in plots.items() if any(map(len, plot[0].values()))}

    def ap_curve(self, name: str) -> Curve:
        """(epoch, value) of one figure."""
        results = sorted(self.evaluations.items())
        return [(epoch, result['metrics'][name]) for epoch, result in results if name in result['metrics']]

    def markdown(self) -> str:
        """The essentials in a few lines."""
        figures = self.evaluations[self.best]['metrics']
        rows = [f'| {name} | {figures[name]:.3f} |' for name in HEADLINE if name in figures]
        head = [f'# {self.run_id}', '', f'Best of {len(self.evaluations)} evaluated epochs: **{self.best}**', '']
        return '\n'.join([*head, '| figure | value |', '|---|---|', *rows, '', self._provenance(), '', self._warning()])

    def html(self, pictures: Mapping[str, bytes]) -> str:
        """The page."""
        _, process = self._read_log()
        images = ''.join(f'<img alt="{html.escape(n)}" src="{_data_uri(png)}">' for n, png in sorted(pictures.items()))
        arguments = ''.join(_row([name, json.dumps(value)]) for name, value in sorted(process.get('args', {}).items()))
        rows = ''.join(
            _row([epoch, *(_figure(result, name) for name in HEADLINE)], best=epoch == self.best)
            for epoch, result in sorted(self.evaluations.items())
        )
        warning = f'<p class="warning">{html.escape(self._warning())}</p>' if self._warning() else ''
        return _PAGE.format(
            title=html.escape(self.run_id),
            provenance=html.escape(self._provenance()),
            warning=warning,
            head=_row(['epoch', *HEADLINE], cell='th'),
            rows=rows,
            images=images,
            command=html.escape(' '.join(process.get('argv', []))),
            arguments=arguments,
        )

    def _provenance(self) -> str:
        code, dataset = self.record.get('code', {}), self.record.get('dataset', {})
        facts = [f'version {code.get("version", "unknown")}', f'commit {code.get("commit", "unknown")[:12]}']
        return ', '.join([*facts, f'data set {dataset.get("name", "")} {dataset.get("digest", "unknown")[:16]}'])

    def _warning(self) -> str:
        warning = self.record.get('dataset', {}).get('warning')
        return f'Note: {warning}.' if warning else ''

    def _read_log(self) -> tuple[list[Point], dict[str, Any]]:
        """Points of the training's curves, and the record that says with what it was started."""
        parser = LogParser()
        records = [record for line in self.log.splitlines() if (record := parser.record(line))]
        points = [point for record in records for point in parser.points(record)]
        return points, next((record for record in records if record['type'] == 'process'), {})


def _plot(curves: Mapping[str, Curve], x_label: str, title: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.6), layout='constrained')
    axes = figure.subplots()
    for name, values in curves.items():
        if values:
            axes.plot(*zip(*values, strict=True), marker='o' if len(values) < 40 else None, markersize=4, label=name)
    axes.set(xlabel=x_label, title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    return buffer.getvalue()


def _data_uri(png: bytes) -> str:
    return 'data:image/png;base64,' + base64.b64encode(png).decode()


def _figure(result: Mapping[str, Any], name: str) -> str:
    value = result['metrics'].get(name)
    return '' if value is None else f'{value:.3f}'


def _row(cells: Sequence[Any], *, cell: str = 'td', best: bool = False) -> str:
    marked = ' class="best"' if best else ''
    return f'<tr{marked}>' + ''.join(f'<{cell}>{html.escape(str(text))}</{cell}>' for text in cells) + '</tr>'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse; margin: 1em 0 }}
td, th {{ padding: .2em .8em; text-align: left; border-bottom: 1px solid #ddd }}
.best {{ background: #e8f4e8; font-weight: 600 }} .warning {{ background: #fff3d6; padding: .6em 1em }}
img {{ max-width: 100%; display: block; margin: 1em 0 }} code {{ overflow-wrap: anywhere }}
</style></head><body>
<h1>{title}</h1><p>{provenance}</p>{warning}
<h2>Validation</h2><table>{head}{rows}</table>
<h2>Curves</h2>{images}
<h2>How it was started</h2><p><code>{command}</code></p>
<details><summary>All options</summary><table>{arguments}</table></details>
</body></html>
"""

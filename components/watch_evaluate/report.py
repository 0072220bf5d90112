"""The report of a training: curves, AP by epoch, sample predictions, options and versions, as one page.

The KFP UI shows the page inside a sandboxed frame, so pictures are inlined and there is no script and no outside
reference.
"""

import base64
import html
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.runtime.training_log import LogParser, Point, curve

from .evaluation import HEADLINE
from .plots import Curve, plots


@dataclass(frozen=True)
class Report:
    """What is told about one training.

    Attributes:
        run_id: its name.
        record: the run's ``run.json``.
        evaluations: {epoch: result}.
        best: the best epoch.
        log: the training log's text; may be empty.
        samples: {caption: JPEG} of predictions with the best checkpoint.
    """

    run_id: str
    record: Mapping[str, Any]
    evaluations: Mapping[int, Mapping[str, Any]]
    best: int
    log: str
    samples: Mapping[str, bytes] = field(default_factory=dict)

    def pictures(self) -> dict[str, bytes]:
        """Curves as PNG files by name."""
        points, _ = self._read_log()
        return plots(points, {name: self.ap_curve(name) for name in ('AP', 'AP50', 'AR')})

    def ap_curve(self, name: str) -> Curve:
        """(epoch, value) of one figure."""
        results = sorted(self.evaluations.items())
        return [(epoch, result['metrics'][name]) for epoch, result in results if name in result['metrics']]

    def markdown(self) -> str:
        """The essentials in a few lines."""
        warning = f'> **Note:** {self._warning}\n\n' if self._warning else ''
        figures = [name for name in HEADLINE if name in self._best_figures]
        table = [
            f'| {" | ".join(["epoch", *figures])} |',
            f'|{"---|" * (len(figures) + 1)}',
            f'| {" | ".join([str(self.best), *(f"{self._best_figures[name]:.3f}" for name in figures)])} |',
        ]
        facts = [f'- {name}: {_code(value)}' for name, value in self.facts().items()]
        return f'# {self.run_id}\n\n{warning}' + '\n'.join([*table, '', *facts]) + '\n'

    def html(self, pictures: Mapping[str, bytes]) -> str:
        """The page."""
        _, process = self._read_log()
        arguments = sorted(process.get('args', {}).items())
        epochs = (
            _row([epoch, *(_figure(result, name) for name in HEADLINE)], best=epoch == self.best)
            for epoch, result in sorted(self.evaluations.items())
        )
        return _PAGE.format(
            title=html.escape(self.run_id),
            warning=f'<p class="warning">{html.escape(self._warning)}</p>' if self._warning else '',
            headline=''.join(
                f'<div><b>{self._best_figures[n]:.3f}</b>{html.escape(n)}</div>'
                for n in HEADLINE
                if n in self._best_figures
            ),
            best=f'Epoch {self.best}, the best of {len(self.evaluations)} evaluated',
            facts=''.join(_row([name, value]) for name, value in self.facts().items()),
            images=''.join(_picture(_data_uri(png, 'png'), name) for name, png in pictures.items()),
            samples=_section('Predictions of that epoch', self.samples),
            head=_row(['epoch', *HEADLINE], cell='th'),
            rows=''.join(epochs),
            command=html.escape(_command(process.get('argv', []))),
            arguments=''.join(_row([name, json.dumps(value)]) for name, value in arguments),
        )

    def facts(self) -> dict[str, str]:
        """What trained on what: versions, data, duration. What is not known is left out."""
        code, dataset = self.record.get('code', {}), self.record.get('dataset', {})
        known = {
            'version': code.get('version', 'unknown'),
            'commit': ' '.join(filter(None, [code.get('commit', 'unknown'), code.get('branch')])),
            'image': code.get('image'),
            'data set': ' '.join(filter(None, [dataset.get('name'), dataset.get('digest', 'unknown')[:16]])),
            'data lie at': dataset.get('uri'),
            'training': self._training(),
            'began': _when(self.record.get('began')),
            'MLflow run': self.record.get('mlflow', {}).get('run_id'),
            'pipeline run': self.record.get('kfp_run'),
        }
        return {name: value for name, value in known.items() if value}

    def _training(self) -> str:
        """Epochs, time and speed, from the log."""
        points, _ = self._read_log()
        seconds = [value for _, value in curve(points, 'epoch/train_seconds')]
        rates = sorted(value for _, value in curve(points, 'epoch/train_images_per_second'))
        if not seconds:
            return ''
        rate = f', {rates[len(rates) // 2]:.1f} images/s' if rates else ''
        return f'{len(seconds)} epochs in {_duration(sum(seconds))}{rate}'

    @property
    def _best_figures(self) -> Mapping[str, float]:
        figures: Mapping[str, float] = self.evaluations[self.best]['metrics']
        return figures

    @property
    def _warning(self) -> str:
        warning = self.record.get('dataset', {}).get('warning')
        return f'{warning[:1].upper()}{warning[1:]}.' if warning else ''

    def _read_log(self) -> tuple[list[Point], dict[str, Any]]:
        """Points of the training's curves, and the record that says with what it was started."""
        parser = LogParser()
        records = [record for line in self.log.splitlines() if (record := parser.record(line))]
        points = [point for record in records for point in parser.points(record)]
        return points, next((record for record in records if record['type'] == 'process'), {})


def _command(argv: Sequence[str]) -> str:
    """The trainer's command line as one would type it."""
    return shlex.join(['pifpaf', 'train', *argv[1:]]) if argv else ''


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours} h {minutes} min' if hours else f'{minutes} min {rest} s' if minutes else f'{rest} s'


def _when(seconds: float | None) -> str:
    return time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(seconds)) if seconds else ''


def _code(value: str) -> str:
    return f'`{value}`'


def _section(title: str, jpegs: Mapping[str, bytes]) -> str:
    figures = ''.join(_picture(_data_uri(jpeg, 'jpeg'), caption, shown=True) for caption, jpeg in jpegs.items())
    return f'<h2>{html.escape(title)}</h2><main>{figures}</main>' if figures else ''


def _picture(uri: str, caption: str, *, shown: bool = False) -> str:
    text = html.escape(caption)
    return f'<figure><img alt="{text}" src="{uri}">' + (f'<figcaption>{text}</figcaption>' * shown) + '</figure>'


def _data_uri(content: bytes, kind: str) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'


def _figure(result: Mapping[str, Any], name: str) -> str:
    value = result['metrics'].get(name)
    return '' if value is None else f'{value:.3f}'


def _row(cells: Sequence[Any], *, cell: str = 'td', best: bool = False) -> str:
    marked = ' class="best"' if best else ''
    return f'<tr{marked}>' + ''.join(f'<{cell}>{html.escape(str(text))}</{cell}>' for text in cells) + '</tr>'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }}
h1 {{ font-size: 1.5em; overflow-wrap: anywhere }} h2 {{ font-size: 1.2em; margin-top: 2em }}
table {{ border-collapse: collapse; margin: 1em 0 }} td {{ overflow-wrap: anywhere }}
td, th {{ padding: .2em .8em; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd }}
.best {{ background: #e8f4e8; font-weight: 600 }} .warning {{ background: #fff3d6; padding: .6em 1em }}
.headline {{ display: flex; flex-wrap: wrap; gap: 1em 2em }} .headline b {{ display: block; font-size: 2em }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(25em, 1fr)); gap: 1em }}
figure {{ margin: 0 }} img {{ width: 100% }} figcaption {{ font-size: .85em; color: #555 }}
code {{ overflow-wrap: anywhere }} summary {{ cursor: pointer }}
</style></head><body>
<h1>{title}</h1>{warning}
<p>{best}</p><div class="headline">{headline}</div>
<table>{facts}</table>
<h2>Curves</h2><main>{images}</main>
{samples}
<h2>Evaluated epochs</h2><table>{head}{rows}</table>
<h2>How it was started</h2><p><code>{command}</code></p>
<details><summary>All options</summary><table>{arguments}</table></details>
</body></html>
"""

"""What a line of the training log means to MLflow and to the report: points of curves, and the training's options."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Point:
    """One value of one curve.

    Attributes:
        name: of the curve, e.g. ``train/loss``.
        step: batches since the start of training for ``train/``, epochs for the others.
        value: may be NaN.
        time: seconds since 1970. The same line always gives the same time, so that sending it twice changes nothing.
    """

    name: str
    step: int
    value: float
    time: float


@dataclass
class LogParser:
    """Reads lines of a training log in order; remembers the names of the loss components.

    Attributes:
        field_names: of the loss components, as the log's ``config`` line gave them.
    """

    field_names: tuple[str, ...] = ()

    def record(self, line: str | bytes) -> dict[str, Any] | None:
        """The record of a line that has a type, or None for messages and for what is no JSON."""
        try:
            record = json.loads(line)
        except ValueError:
            return None
        if not isinstance(record, dict) or 'type' not in record:
            return None
        if record['type'] == 'config':
            self.field_names = tuple(record.get('field_names', ()))
        return record

    def points(self, record: dict[str, Any]) -> Iterator[Point]:
        """Points of the curves that a record continues."""
        kind, seconds = record['type'], _seconds(record)
        if kind == 'train':
            step = int(record['epoch']) * int(record['n_batches']) + int(record['batch'])
            values = {name: record[name] for name in _TRAIN if _is_number(record.get(name))}
            curves = {f'train/{_TRAIN[name]}': value for name, value in values.items()}
            curves |= {f'train/{name}': value for name, value in self._losses(record)}
        elif kind in ('train-epoch', 'val-epoch'):
            step, place = int(record['epoch']), kind.removesuffix('-epoch')
            curves = {f'epoch/{place}_loss': record['loss'], f'epoch/{place}_seconds': record.get('time')}
            curves[f'epoch/{place}_images_per_second'] = record.get('images_per_second')
            curves |= {f'epoch/{place}/{name}': value for name, value in self._losses(record)}
        else:
            return
        yield from (Point(name, step, float(v), seconds) for name, v in curves.items() if _is_number(v))

    def _losses(self, record: dict[str, Any]) -> Iterable[tuple[str, Any]]:
        return zip(self.field_names, record.get('head_losses') or (), strict=False)


_TRAIN = {
    'loss': 'loss',
    'lr': 'lr',
    'time': 'seconds',
    'data_time': 'data_seconds',
    'images_per_second': 'images_per_second',
    'data_wait': 'data_wait',
    'grad_norm': 'grad_norm',
    'gpu_memory': 'gpu_memory_gib',
}


def curve(points: Iterable[Point], name: str) -> list[tuple[int, float]]:
    """(step, value) of one curve by step; of a step that was logged twice the later one counts."""
    return sorted({point.step: point.value for point in points if point.name == name}.items())


def _seconds(record: dict[str, Any]) -> float:
    """Seconds since 1970 of ``asctime``, local time such as ``2026-11-22 07:17:22,939``; 0 where it is missing."""
    text, _, milliseconds = str(record.get('asctime', '')).partition(',')
    try:
        return time.mktime(time.strptime(text, '%Y-%m-%d %H:%M:%S')) + int(milliseconds or 0) / 1000
    except ValueError:
        return 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

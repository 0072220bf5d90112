"""Training logs read back: ours and OpenPifPaf's, with the evaluations beside them. FIELDS section 11."""

import glob
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .annotation import Array

Record = dict[str, Any]
_EPOCH = re.compile(r'\.epoch(\d+)\.')


@dataclass(frozen=True, eq=False)
class Curve:
    """Values by epoch; NaN where a record has none.

    Attributes:
        epoch: [N], rising; 1.5 is the middle of the second epoch.
        value: [N].
    """

    epoch: Array
    value: Array

    def __len__(self) -> int:
        return len(self.epoch)

    def since(self, epoch: float) -> 'Curve':
        """The part from ``epoch`` on."""
        keep = self.epoch >= epoch
        return Curve(self.epoch[keep], self.value[keep])


@dataclass(frozen=True, eq=False)
class RunLog:
    """One training.

    Attributes:
        label: name for legends.
        field_names: of the loss components, e.g. ``cocokp.cif.c``.
        train: one record each few batches.
        train_epochs: one record an epoch.
        val_epochs: one record a validation.
        evaluations: for each data set, the contents of its ``.stats.json`` by epoch.
    """

    label: str
    field_names: tuple[str, ...]
    train: tuple[Record, ...]
    train_epochs: tuple[Record, ...]
    val_epochs: tuple[Record, ...]
    evaluations: dict[str, dict[int, Record]] = field(default_factory=dict)

    def loss(self, kind: str, component: int | None = None) -> Curve:
        """A loss by epoch.

        Args:
            kind: ``train``, ``train-epoch`` or ``val-epoch``.
            component: index into ``field_names``; None is the total.
        """
        records = {'train': self.train, 'train-epoch': self.train_epochs, 'val-epoch': self.val_epochs}[kind]
        if component is None:
            return _curve(records, [record.get('loss') for record in records])
        return _curve(records, [_item(record.get('head_losses'), component) for record in records])

    def learning_rate(self) -> Curve:
        """Learning rate by epoch."""
        return _curve(self.train, [record.get('lr') for record in self.train])

    def batch_seconds(self) -> Curve:
        """Seconds from batch to batch by epoch."""
        return _curve(
            self.train, [record.get('time', math.nan) + record.get('data_time', 0.0) for record in self.train]
        )

    def data_wait(self) -> Curve:
        """Share of the time spent waiting for data, by epoch."""
        waited = np.array([record.get('data_time', math.nan) for record in self.train], float)
        return Curve(_epochs(self.train), waited / np.maximum(self.batch_seconds().value, 1e-9))

    def sigma(self, component: int) -> Curve:
        """The automatic weight of a loss component by epoch; all NaN without ``--auto-tune-mtl``."""
        return _curve(self.train, [_item(record.get('mtl_sigmas'), component) for record in self.train])

    def statistic(self, dataset: str, label: str) -> Curve:
        """A number of the evaluation, such as ``AP``, by epoch."""
        found = sorted(self.evaluations.get(dataset, {}).items())
        values = [dict(zip(stats['text_labels'], stats['stats'], strict=False)).get(label) for _, stats in found]
        return Curve(np.array([epoch for epoch, _ in found], float), _numbers(values))


def read_log(path: str | Path, *, label: str | None = None, eval_suffix: str = '.eval-*.stats.json') -> RunLog:
    """Read a training log. Of records that a resumed training wrote again, the last ones count.

    Args:
        path: the ``.log`` file.
        label: name for legends; by default that of the file.
        eval_suffix: pattern of what follows a checkpoint's name in that of its evaluation.

    Raises:
        OSError: there is no such file.
        ValueError: it holds no record of a training, or an evaluation beside it is damaged.
    """
    by_kind: dict[str, dict[float, Record]] = {'train': {}, 'train-epoch': {}, 'val-epoch': {}}
    field_names: tuple[str, ...] = ()
    for record in _records(Path(path)):
        kind = record.get('type')
        if kind == 'config' and isinstance(record.get('field_names'), list):
            field_names = tuple(map(str, record['field_names']))
        elif isinstance(kind, str) and kind in by_kind and _is_sound(record):
            by_kind[kind][_place(record)] = record
    if not any(by_kind.values()):
        raise ValueError(f"'{path}' is no log of a training. Name the .log file that pifpaf train writes")
    ordered = {kind: tuple(record for _, record in sorted(records.items())) for kind, records in by_kind.items()}
    return RunLog(
        label=label or Path(path).name.removesuffix('.log'),
        field_names=field_names or _numbered(ordered),
        train=ordered['train'],
        train_epochs=ordered['train-epoch'],
        val_epochs=ordered['val-epoch'],
        evaluations=_evaluations(str(path), eval_suffix),
    )


def _records(path: Path) -> Iterator[Record]:
    """JSON objects, line by line; a line cut short by a kill is passed over, and whatever else is none."""
    with path.open(encoding='utf-8', errors='replace') as file:
        for line in file:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record


def _is_sound(record: Record) -> bool:
    """Whether the numbers of a record are numbers, so that curves can be made of them."""
    needed = ('epoch', 'batch', 'n_batches') if record['type'] == 'train' else ('epoch',)
    timed = tuple(key for key in ('time', 'data_time') if key in record)
    several = [record.get(key) or [] for key in ('head_losses', 'mtl_sigmas')]
    if not all(isinstance(values, list) for values in several):
        return False
    optional = [record.get('loss'), record.get('lr'), *(value for values in several for value in values)]
    return (
        all(_is_number(record.get(key)) for key in (*needed, *timed))
        and all(value is None or _is_number(value) for value in optional)
        and all(math.isfinite(record[key]) for key in needed)
    )


def _is_number(value: Any) -> bool:
    """Also NaN and infinities, which a loss may be; no integer that is too large for a float."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300)


def _place(record: Record) -> float:
    """Epochs done when the record was written: batches count from the epoch before, whole epochs from 1."""
    if record['type'] != 'train':
        return float(record['epoch'])
    return float(record['epoch'] + (record['batch'] + 1) / max(1, record['n_batches']))


def _epochs(records: tuple[Record, ...]) -> Array:
    return np.array([_place(record) for record in records], float)


def _curve(records: tuple[Record, ...], values: list[Any]) -> Curve:
    return Curve(_epochs(records), _numbers(values))


def _numbers(values: list[Any]) -> Array:
    return np.array([math.nan if value is None else value for value in values], float)


def _item(values: list[Any] | None, index: int) -> Any:
    return values[index] if values is not None and index < len(values) else None


def _numbered(records: dict[str, tuple[Record, ...]]) -> tuple[str, ...]:
    """Names for components of a log that has none."""
    longest = max((len(record.get('head_losses') or ()) for group in records.values() for record in group), default=0)
    return tuple(str(i) for i in range(longest))


def _evaluations(path: str, suffix: str) -> dict[str, dict[int, Record]]:
    """The evaluations of checkpoints that lie beside the log ``path``: by data set, then by epoch."""
    training = path.removesuffix('.log').removesuffix('.pkl')
    found: dict[str, dict[int, Record]] = {}
    for pkl in ('', '.pkl'):
        pattern = f'{glob.escape(training)}{pkl}.epoch[0-9]*{suffix}'
        for name in sorted(glob.glob(pattern)):  # noqa: PTH207  (the path may be absolute)
            epoch = _EPOCH.search(name.removeprefix(training))
            stats = _statistics(Path(name))
            if epoch and stats.get('stats'):
                found.setdefault(stats.get('dataset') or 'evaluation', {})[int(epoch[1])] = stats
    return found


def _statistics(path: Path) -> Record:
    try:
        stats = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        stats = None
    if not isinstance(stats, dict) or not _are_statistics(stats):
        raise ValueError(f'{path} is damaged. Remove it, or evaluate the checkpoint again')
    return stats


def _are_statistics(stats: Record) -> bool:
    """Whether labels, numbers and data set are what an evaluation writes, or absent."""
    values, labels, dataset = stats.get('stats') or [], stats.get('text_labels') or [], stats.get('dataset') or ''
    return (
        isinstance(values, list)
        and isinstance(labels, list)
        and isinstance(dataset, str)
        and all(value is None or _is_number(value) for value in values)
        and all(isinstance(label, str) for label in labels)
        and (not values or 'text_labels' in stats)
    )

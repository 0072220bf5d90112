"""What a training amounted to, read off its log."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from components.runtime.training_log import LogParser, Point, curve


@dataclass(frozen=True)
class Summary:
    """Figures of one training; None where the log does not say.

    Attributes:
        epochs: that were completed.
        first_loss: of the first epoch, mean over its batches.
        last_loss: of the last epoch, mean over its batches.
        images_per_second: median over the epochs.
        train_seconds: of all epochs together, validation and checkpoints not counted.
    """

    epochs: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    images_per_second: float | None = None
    train_seconds: float = 0.0

    def facts(self) -> dict[str, float | int]:
        """What is known, by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    def points(self) -> list[Point]:
        """Final scalars, under names that sort together."""
        return [Point(f'final/{name}', self.epochs, float(value), time.time()) for name, value in self.facts().items()]


def summarize(log: Path) -> Summary:
    """The summary of a training's log; an absent log gives an empty one."""
    parser, points = LogParser(), []
    if log.exists():
        with log.open(encoding='utf-8') as file:
            points = [point for line in file if (record := parser.record(line)) for point in parser.points(record)]
    losses = curve(points, 'epoch/train_loss')
    rates = sorted(rate for _, rate in curve(points, 'epoch/train_images_per_second'))
    return Summary(
        epochs=max((epoch for epoch, _ in losses), default=0),
        first_loss=losses[0][1] if losses else None,
        last_loss=losses[-1][1] if losses else None,
        images_per_second=rates[len(rates) // 2] if rates else None,
        train_seconds=round(sum(seconds for _, seconds in curve(points, 'epoch/train_seconds')), 3),
    )

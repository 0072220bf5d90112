"""Which checkpoints stay on disk, and which one is the best."""

import glob
import json
import logging
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import atomic_path

LOG = logging.getLogger(__name__)

_EPOCH = re.compile(r'\.epoch(\d{3,})\.safetensors$')


def checkpoint_path(output: Path, epoch: int) -> Path:
    """File of the weights after so many epochs."""
    return output.with_name(f'{output.name}.epoch{epoch:03d}.safetensors')


@dataclass(frozen=True)
class Keep:
    """A rule for checkpoints: one stays if any part of the rule wants it. The newest one always stays.

    Attributes:
        last: so many newest ones.
        best: so many best ones.
        every: those after each so many epochs; 0 for none.
    """

    last: int = 1
    best: int = 0
    every: int = 0

    @classmethod
    def parse(cls, text: str) -> 'Keep':
        """The rule of ``last:3,best:2,every:10``, in any order and number.

        Raises:
            ValueError: it is none.
        """
        parts = dict(part.strip().partition(':')[::2] for part in text.split(','))
        known = {
            name: int(number) for name, number in parts.items() if name in cls.__annotations__ and number.isdigit()
        }
        if len(known) != len(text.split(',')) or 0 in known.values():
            raise ValueError(f"--keep-checkpoints='{text}' is no rule. Give e.g. last:3,best:2,every:10")
        return cls(**known)

    def kept(self, epochs: Iterable[int], ranking: list[int]) -> set[int]:
        """Those of ``epochs`` that stay.

        Args:
            epochs: of the checkpoints that there are.
            ranking: epochs from the best on; epochs that are not in it have no measure.
        """
        present = sorted(epochs)
        last = present[-self.last :]
        every = [epoch for epoch in present if self.every and epoch and epoch % self.every == 0]
        best = [epoch for epoch in ranking if epoch in present][: self.best]
        return {*last, *every, *best}


class Retention:
    """Removes checkpoints of one training, and gives the best one a second name, ``NAME.best.safetensors``.

    The best is the one with the highest AP, if evaluations (``.stats.json``) lie beside some, else the one with the
    lowest validation loss.

    Args:
        output: name of the training, with folder.
        keep: which ones stay; None for all.

    Attributes:
        losses: of validation, by epoch.
        best: epoch that has the second name; it may be removed under its first one. None without any.
    """

    def __init__(self, output: Path, keep: Keep | None = None) -> None:
        self.output, self._keep = output, keep
        self.losses: dict[int, float] = {}
        self.best: int | None = None

    def validated(self, epoch: int, loss: float | None) -> None:
        """Take the validation loss of the newest checkpoint; mark the best one, and remove those that nobody wants.

        Without a loss (none was finite) a checkpoint is the best only by its AP.

        Raises:
            OSError: the folder cannot be written.
        """
        if loss is not None:
            self.losses[epoch] = loss
        present = self._present()
        ranking = self._ranking(present)
        best = next((epoch for epoch in ranking if epoch in present or epoch == self.best), None)
        if best is not None and best != self.best:
            self._mark(best)
        wanted = self._keep.kept(present, ranking) if self._keep else set(present)
        for unwanted in sorted(set(present) - wanted):
            present[unwanted].unlink(missing_ok=True)
            LOG.info('checkpoint removed: %s (--keep-checkpoints)', present[unwanted])

    def state_dict(self) -> dict[str, Any]:
        """What is remembered, for `load_state_dict`."""
        return {'losses': dict(self.losses), 'best': self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Remember what another one did."""
        self.losses, self.best = dict(state['losses']), state['best']

    def _present(self) -> dict[int, Path]:
        names = self.output.parent.iterdir()
        ours = [path for path in names if path.name.startswith(f'{self.output.name}.epoch')]
        return {int(match[1]): path for path in ours if (match := _EPOCH.search(path.name))}

    def _ranking(self, present: Iterable[int]) -> list[int]:
        """Epochs with a measure, also removed ones, the best first: by AP, then those without by loss."""
        known = sorted({*present, *self.losses})
        precisions = {epoch: found for epoch in known if (found := self._precision(epoch)) is not None}
        by_loss = [epoch for epoch in known if epoch in self.losses and epoch not in precisions]
        by_loss.sort(key=self.losses.__getitem__)
        return sorted(precisions, key=lambda epoch: (-precisions[epoch], epoch)) + by_loss

    def _precision(self, epoch: int) -> float | None:
        """AP by the evaluations beside a checkpoint, the mean over data sets; None without any."""
        found = []
        name = checkpoint_path(self.output, epoch).name
        for path in sorted(self.output.parent.glob(f'{glob.escape(name)}.eval-*.stats.json')):
            try:
                stats = json.loads(path.read_bytes())
                found.append(float(dict(zip(stats['text_labels'], stats['stats'], strict=False))['AP']))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # being written, or of a data set without that measure
        return sum(found) / len(found) if found else None

    def _mark(self, epoch: int) -> None:
        source = checkpoint_path(self.output, epoch)
        best = self.output.with_name(f'{self.output.name}.best.safetensors')
        with atomic_path(best) as temporary:
            temporary.unlink()
            try:
                os.link(source, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(source, temporary)
        self.best = epoch
        LOG.info('best so far: epoch %d', epoch)

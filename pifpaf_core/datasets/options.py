"""Options that all data sets of a command share."""

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .. import plugins
from ..options import option
from ..readers.cache import DataCache
from .declaration import SUFFIXES

LOG = logging.getLogger(__name__)
_SIZE = re.compile(r'(\d+(?:\.\d*)?)([kKMGT]?)')

GROUP = 'pifpaf_core.datamodules'
"""Entry points of data modules."""


@dataclass(frozen=True)
class LoaderOptions:
    """Data sets and loaders.

    Attributes:
        in_order: no option, but what a command sets in which a person looks at images: training and validation images
            come in the order of their file, and only those that are looked at need to exist.

    Raises:
        ValueError: a value that makes no sense, with the remedy.
    """

    dataset: str | None = option(
        None,
        'names of data sets, joined by - for several at once, e.g. cocokp-cocodet; '
        'or a file that declares one, e.g. mydata.yaml',
        metavar='NAME',
    )
    loader_workers: int | None = option(
        None, 'processes that load data, 0 for none (default: one a CPU core, at most --batch-size)'
    )
    batch_size: int = option(1, 'images a batch, in each process')
    dataset_weights: tuple[float, ...] = option(
        (), 'one weight for each data set: their shares of the batches (default: equal)'
    )
    square_edge: int | None = option(
        None, 'side in pixels of training images, for every data set that has none of its own'
    )
    resample: Literal['linear', 'area'] | None = option(
        None,
        'how images are resampled: linear, or area with anti-aliasing '
        '(default: linear; in evaluation as the checkpoint was trained)',
    )
    seed: int = option(0, 'seed of everything random')
    data_cache_size: str = option(
        '10G', 'disk for keeping images that are read from a store such as s3://, e.g. 500M or 20G; 0 for none'
    )
    data_cache: str | None = option(
        None, 'folder where they are kept, for all processes of this machine (default: ~/.cache/pifpaf/data)'
    )
    in_order: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f'--batch-size is {self.batch_size}. Give at least 1')
        if self.loader_workers is not None and self.loader_workers < 0:
            raise ValueError(f'--loader-workers is {self.loader_workers}. Give 0 to load in the main process, or more')
        if self.seed < 0:
            raise ValueError(f'--seed is {self.seed}. Give 0 or more')
        if not _SIZE.fullmatch(self.data_cache_size):
            raise ValueError(
                f"--data-cache-size '{self.data_cache_size}' is no size. Give e.g. 500M, 20G, or 0 for none"
            )
        if self.square_edge is not None and self.square_edge < 17:
            raise ValueError(f'--square-edge is {self.square_edge}. Give at least 17; n * 16 + 1 is best, e.g. 385')
        if any(not weight > 0.0 for weight in self.dataset_weights):
            raise ValueError(f'--dataset-weights are {" ".join(map(str, self.dataset_weights))}. Give positive numbers')
        if self.dataset_weights and len(self.dataset_weights) != len(self.names):
            raise ValueError(
                f'{len(self.dataset_weights)} --dataset-weights for {len(self.names)} data sets. Give one for each'
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the data sets, or paths of files that declare them, in order; empty if none is given."""
        return tuple(_split(self.dataset)) if self.dataset else ()

    @property
    def cache(self) -> DataCache | None:
        """The cache of images that are read from afar, opened; None without one, or where its folder cannot be used."""
        number, unit = _SIZE.fullmatch(self.data_cache_size).groups()  # type: ignore[union-attr]
        limit = int(float(number) * 1024 ** ' KMGT'.index(unit.upper() or ' '))
        if not limit:
            return None
        home = os.environ.get('XDG_CACHE_HOME') or Path('~/.cache').expanduser()
        try:
            return DataCache(Path(self.data_cache or Path(home, 'pifpaf', 'data')), limit)
        except OSError as error:
            LOG.warning('no cache of images: %s. Give another --data-cache, or --data-cache-size=0', error)
            return None

    def workers(self, *, processes: int = 1) -> int:
        """How many loader workers to start.

        Args:
            processes: training processes on this machine, which share its CPU cores.
        """
        if self.loader_workers is not None:
            return self.loader_workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
        return min(self.batch_size, cores // max(1, processes)) if cores > 1 else 0


def _split(joined: str) -> list[str]:
    """Names and paths that are joined by ``-``. A path may hold ``-`` itself; it begins where no known name stands."""
    names: list[str] = []
    parts = joined.split('-')
    while parts:
        ends = [i for i, part in enumerate(parts) if part.endswith(SUFFIXES)]
        length = ends[0] + 1 if ends and parts[0] not in plugins.names(GROUP) else 1
        names.append('-'.join(parts[:length]))
        parts = parts[length:]
    return names

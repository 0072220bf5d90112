"""A loss that is infinite or NaN: the batch is kept for a second look, and left out or the end of the training."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import torch
from torch import Tensor, nn

from .. import checkpoint
from ..losses import NonFiniteLoss
from . import batch_norm
from .distributed import World
from .objective import Objective

if TYPE_CHECKING:
    from ..datasets.module import Batch

LOG = logging.getLogger(__name__)

Losses = tuple[Tensor, list[Tensor | None]]
_KEY = 'pifpaf.batch'  # of the metadata, whose value is one JSON object


@dataclass(frozen=True)
class Place:
    """Where in a training a batch is.

    Attributes:
        text: for people.
        name: for files.
        seed: of what was random in the network.
    """

    text: str
    name: str
    seed: int


class NonFiniteLosses:
    """Computes losses and deals with those that are not finite.

    A step with such a batch is left out in all processes, and statistics that the batch has changed are put back, so
    that the training goes on as if the batch had not been. Weights that are not finite end the training always.

    Args:
        objective: what is trained.
        world: the processes.
        allowed: steps that may be left out in all.
        output: beginning of the names of files.
        command: that trains; with ``--replay=FILE`` behind it computes such a loss again.

    Attributes:
        skipped: steps that were left out.
    """

    def __init__(self, objective: Objective, world: World, *, allowed: int, output: Path, command: str) -> None:
        self.skipped = 0
        self._objective, self._world, self._allowed = objective, world, allowed
        self._output, self._command = output, command
        self._buffers = list(objective.buffers())

    def computed(self, compute: Callable[..., Losses], batch: 'Batch', place: Place) -> Losses | None:
        """Total and components of a training batch; None if the step has to be left out.

        Raises:
            ValueError: the loss is not finite, here or in another process, and no more of that is allowed.
        """
        kept = [buffer.clone() for buffer in self._buffers] if self._allowed else []
        losses, problem = _attempt(compute, batch)
        found = self._world.any(problem is not None)[0] if self._allowed else problem is not None
        if not found:
            return losses
        self.skipped += 1
        is_last = self.skipped > self._allowed or not _is_finite(self._objective.network)
        text = self._told(problem, batch, place, save=is_last or self.skipped == 1)
        if is_last:
            raise ValueError(text)
        LOG.warning('%s. Left out, %d of %d (--skip-nonfinite)', text, self.skipped, self._allowed)
        with torch.no_grad():
            for buffer, before in zip(self._buffers, kept, strict=True):
                buffer.copy_(before)
        return None

    def validated(self, compute: Callable[..., Losses], batch: 'Batch', place: Place) -> Losses | None:
        """The same for a batch of validation data, which only concerns this process and is not counted."""
        losses, problem = _attempt(compute, batch)
        if problem is None:
            return losses
        text = self._told(problem, batch, place, save=not self._allowed)
        if not self._allowed:
            raise ValueError(text)
        LOG.warning('%s. Left out', text)
        return None

    def _told(self, problem: NonFiniteLoss | None, batch: 'Batch', place: Place, *, save: bool) -> str:
        if problem is None:
            return f'{place.text}: another process found a loss that is not finite. See its message'
        ids = ', '.join(str(meta.image_id) for meta in batch.metas)
        text = f'{place.text}, {batch.dataset} images {ids}: {problem}'
        if not _is_finite(self._objective.network):
            text += '. The weights are not finite: a step before this batch has ruined them'
        if save and (path := self._saved(problem, batch, place)):
            text += f'. To compute it again: {self._command} --replay={path}'
        return text

    def _saved(self, problem: NonFiniteLoss, batch: 'Batch', place: Place) -> Path | None:
        """The file with batch, weights and statistics, or None if it could not be written."""
        process = f'-p{self._world.rank}' if self._world.rank else ''
        path = self._output.with_name(f'{self._output.name}.nonfinite-{place.name}{process}.safetensors')
        facts = {
            'problem': str(problem), 'place': place.text, 'seed': place.seed, 'dataset': batch.dataset,
            'images': [[meta.image_id, meta.file_name] for meta in batch.metas], 'mode': _mode(self._objective),
            'n_targets': len(batch.targets),
        }  # fmt: skip
        tensors = {'images': batch.images} | {f'objective.{k}': v for k, v in self._objective.state_dict().items()}
        tensors |= {f'target.{i}': target for i, target in enumerate(batch.targets) if target is not None}
        tensors = {name: tensor.detach().to('cpu', copy=True).contiguous() for name, tensor in tensors.items()}
        try:
            checkpoint.write_tensors(path, tensors, metadata={_KEY: json.dumps(facts)})
        except OSError as error:
            LOG.error('the batch could not be saved: %s', error)
            return None
        return path


def replay(path: Path, objective: Objective) -> list[str]:
    """Compute the loss of a saved batch again; lines that say what came out, and where it was not finite first.

    Raises:
        ValueError: it is no such file, or of another network.
    """
    facts, tensors = _read(path)
    weights = {name.removeprefix('objective.'): t for name, t in tensors.items() if name.startswith('objective.')}
    try:
        objective.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f'{path} is from another network: {str(error).splitlines()[1].strip()}. Give the options of its training'
        ) from error
    device = next(objective.parameters()).device
    targets = [tensors.get(f'target.{i}') for i in range(facts['n_targets'])]
    _set_mode(objective, facts['mode'])
    torch.manual_seed(facts['seed'])
    first: list[str] = []
    with torch.no_grad(), _watched(objective.network, first):
        try:
            images = tensors['images'].to(device)
            total, components = objective(images, [None if t is None else t.to(device) for t in targets])
            values = zip(objective.loss.field_names, components, strict=True)
            told = ', '.join(f'{name} {float(value):.6g}' for name, value in values if value is not None)
            result = f'here the loss is finite: {float(total):.6g} ({told})'
        except NonFiniteLoss as problem:
            result = str(problem)
    names = ', '.join(f'{number} ({name})' for number, name in facts['images'])
    where = f'the first layer whose output is not finite: {first[0]}' if first else 'all layers give finite values'
    return [f'{facts["place"]}, {facts["dataset"]} images {names}', result, where]


def _attempt(compute: Callable[..., Losses], batch: 'Batch') -> tuple[Losses | None, NonFiniteLoss | None]:
    try:
        return compute(batch.images, batch.targets), None
    except NonFiniteLoss as problem:
        return None, problem


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise ValueError(f'there is no saved batch {path}. Check the path')
    try:
        with safetensors.safe_open(path, framework='pt') as file:
            facts = json.loads((file.metadata() or {})[_KEY])
            return facts, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (safetensors.SafetensorError, KeyError) as error:
        raise ValueError(
            f'{path} is no saved batch. Name a file that a training wrote when its loss was not finite'
        ) from error


def _is_finite(network: nn.Module) -> bool:
    return all(bool(p.isfinite().all()) for p in network.parameters())


def _mode(objective: Objective) -> str:
    if not objective.training:
        return 'eval'
    return 'train' if all(layer.training for layer in batch_norm.layers(objective.network)) else 'fixed'


def _set_mode(objective: Objective, mode: str) -> None:
    objective.train(mode != 'eval')
    if mode == 'fixed':
        batch_norm.fix(objective.network)


@contextmanager
def _watched(network: nn.Module, found: list[str]) -> Iterator[None]:
    """Within the block the names of layers that put out what is not finite are added to ``found``, in their order."""

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def look(module: nn.Module, given: Any, output: Any) -> None:
            tensors: Sequence[Any] = output if isinstance(output, list | tuple) else [output]
            if any(isinstance(t, Tensor) and not t.isfinite().all() for t in tensors):
                found.append(f'{name} ({type(module).__name__})')

        return look

    leaves = [(name, module) for name, module in network.named_modules() if not list(module.children())]
    handles = [module.register_forward_hook(hook(name)) for name, module in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

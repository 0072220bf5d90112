"""Plots of training batches, for a person who wants to see what a network is asked and what it says."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ..heads import inference
from ..network import Network
from ..transforms.sample import Sample
from ..visualize.debug import save_training
from ..visualize.options import DebugOptions, ShowOptions
from ..visualize.view import resolve_indices

if TYPE_CHECKING:
    from ..datasets.module import Batch


class TrainingPlots:
    """An observer of a trainer that plots each image of the batches it sees: targets, and what the heads say to it.

    The fields are those of the training's own forward pass, so that looking changes nothing.

    Args:
        network: gets a hook that keeps its last output.
        debug: which fields, and whether the annotated instances.
        show: where plots go.

    Raises:
        ValueError: ``debug`` names a head or field that there is not.
    """

    def __init__(self, network: Network, *, debug: DebugOptions, show: ShowOptions) -> None:
        resolve_indices(debug.debug_indices, network.metas)
        self._metas, self._debug, self._show = network.metas, debug, show
        self._raw: list[Tensor] = []
        network.register_forward_hook(self._keep)

    def __call__(self, epoch: int, batch: 'Batch') -> None:
        """Plot the images of a batch [B, 3, H, W] that the network has just seen, in this epoch, from 1."""
        images = batch.images.permute(0, 2, 3, 1).cpu().numpy()
        targets = [None if target is None else target.cpu().numpy() for target in batch.targets]
        fields = [inference(raw, meta).cpu().numpy() for raw, meta in zip(self._raw, self._metas, strict=True)]
        for i, (meta, truth) in enumerate(zip(batch.metas, batch.truths, strict=True)):
            save_training(
                Sample(images[i], truth, meta),
                [None if target is None else target[i] for target in targets],
                [field[i] for field in fields],
                self._metas,
                name=f'{Path(meta.file_name).stem}.epoch{epoch:03d}',
                debug=self._debug,
                show=self._show,
            )

    def _keep(self, _network: nn.Module, _images: Any, raw: list[Tensor]) -> None:
        self._raw = [field.detach() for field in raw]

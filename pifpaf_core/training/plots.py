"""Plots of training batches, for a person who wants to see what a network is asked and what it says."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ..decoders import Decoder, DecoderOptions, decoders
from ..decoders.inspection import Inspector
from ..headmeta import HeadMeta
from ..heads import inference
from ..network import Network
from ..transforms.sample import Sample
from ..visualize.debug import DebugPlots
from ..visualize.options import DebugOptions, ShowOptions

if TYPE_CHECKING:
    from ..datasets.module import Batch

LOG = logging.getLogger(__name__)


class TrainingPlots:
    """An observer of a trainer that plots each image of the batches it sees: what is asked, and what the network says.

    The fields are those of the training's own forward pass, so that looking changes nothing. They are decoded as
    ``predict`` does without options.

    Args:
        network: gets a hook that keeps its last output.
        debug: which fields, and whether the input, seeds and poses.
        show: where plots go.

    Raises:
        ValueError: ``debug`` names a head or field that there is not.
    """

    def __init__(self, network: Network, *, debug: DebugOptions, show: ShowOptions) -> None:
        self._metas = network.metas
        self._eyes = {name: _Eyes(self._metas, name, debug, show) for name in {m.dataset for m in self._metas}}
        self._raw: list[Tensor] = []
        network.register_forward_hook(self._keep)

    def __call__(self, epoch: int, batch: 'Batch') -> None:
        """Plot the images of a batch [B, 3, H, W] that the network has just seen, in this epoch, from 1."""
        images = batch.images.permute(0, 2, 3, 1).cpu().numpy()
        targets = [None if target is None else target.cpu().numpy() for target in batch.targets]
        fields = [inference(raw, meta).cpu().numpy() for raw, meta in zip(self._raw, self._metas, strict=True)]
        eyes = self._eyes[batch.dataset]
        place = f'epoch{epoch:03d}' if len(self._eyes) == 1 else f'epoch{epoch:03d}.{batch.dataset}'
        for i, (meta, truth) in enumerate(zip(batch.metas, batch.truths, strict=True)):
            seen = [field[i] for field in fields]
            eyes.plots.plot(
                Sample(images[i], truth, meta),
                seen,
                [annotation for decoder in eyes.decoders for annotation in decoder(seen)],
                name=f'{Path(meta.file_name).stem}.{place}',
                targets=[None if target is None else target[i] for target in targets],
            )

    def _keep(self, _network: nn.Module, _images: Any, raw: list[Tensor]) -> None:
        self._raw = [field.detach() for field in raw]


class _Eyes:
    """What looks at images of one data set: decoders of its heads, and plots."""

    def __init__(self, metas: Sequence[HeadMeta], dataset: str, debug: DebugOptions, show: ShowOptions) -> None:
        options, own = DecoderOptions(), [meta for meta in metas if meta.dataset == dataset]
        self.decoders: list[Decoder] = []
        try:
            self.decoders = decoders(own, options)
        except ValueError as error:  # heads of a plugin may have none
            LOG.info('%s: neither seeds nor poses are plotted', error)
        inspect = Inspector(own, options) if self.decoders else None
        self.plots = DebugPlots(metas, debug=debug, show=show, inspect=inspect, ground_truth=debug.debug_images)

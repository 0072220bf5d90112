"""Options of what goes into a network in evaluation and prediction: image size, padding, resampling, device."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from .options import option
from .transforms.preprocess import Preprocess


@dataclass(frozen=True)
class InputOptions:
    """Predictor."""

    long_edge: int | None = option(None, 'rescale the long side of images to so many pixels; 0 keeps their size')
    padding: Literal['tight', 'square'] = option(
        'tight', 'pad each side to n * 16 + 1, or both to the long edge', flag='--padding --eval-padding'
    )
    precise_rescaling: bool = option(
        False, 'resample by corner-aligned bilinear interpolation, even if the network was trained otherwise'
    )
    disable_cuda: bool = option(False, 'use the CPU, even if there is a GPU')
    download_progress: bool = option(True, 'show no progress bar while a checkpoint is downloaded')

    def __post_init__(self) -> None:
        if self.long_edge is not None and (self.long_edge < 0 or self.long_edge == 1):
            raise ValueError(f'--long-edge is {self.long_edge}. Give a number of pixels, e.g. 641, or 0 to keep sizes')

    def adjusted(self, preprocess: Preprocess) -> Preprocess:
        """The preprocessing with the resampling that these options ask for."""
        return dataclasses.replace(preprocess, resample='linear') if self.precise_rescaling else preprocess

    @property
    def device(self) -> str:
        """Where the network runs: the GPU, if there is one and it may be used."""
        import torch

        return 'cuda' if torch.cuda.is_available() and not self.disable_cuda else 'cpu'

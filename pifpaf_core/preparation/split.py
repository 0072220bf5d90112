"""Which images train and which validate, for sources that do not say so themselves."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..options import option


@dataclass(frozen=True)
class SplitOptions:
    """Split into training and validation (for sources that have only one).

    Attributes:
        val_fraction: share of the images that validate.
        val_is_train: validate on the training images, as overfitting experiments do.
    """

    val_fraction: float | None = option(None, 'share of the images that validate; a function of the image ids')
    val_is_train: bool = option(False, 'validate on the training images: for overfitting experiments only')

    def __post_init__(self) -> None:
        if self.val_fraction is not None and not 0.0 < self.val_fraction < 1.0:
            raise ValueError(f'--val-fraction {self.val_fraction} is no share. Give a number between 0 and 1, e.g. 0.1')
        if self.val_fraction is not None and self.val_is_train:
            raise ValueError('--val-fraction and --val-is-train exclude each other. Choose one')

    @property
    def rule(self) -> str:
        """How the split comes about, in words, for the manifest."""
        if self.val_is_train:
            return 'validation images ARE the training images: an overfitting experiment'
        return f'{self.val_fraction} of the images by id' if self.val_fraction is not None else 'as in the source'

    def check(self, splits: Collection[str]) -> None:
        """Raise ``ValueError`` unless these options fit a source that has ``splits``."""
        has_both = {'train', 'val'} <= set(splits)
        chosen = self.val_fraction is not None or self.val_is_train
        if has_both and chosen:
            raise ValueError(
                'the source has training and validation images. Leave out --val-fraction and --val-is-train'
            )
        if not has_both and not chosen:
            raise ValueError(
                f'the source has only {"".join(splits)} images. '
                'Give --val-fraction=0.1 to split them, or --val-is-train to overfit'
            )


def validation_ids(identities: Iterable[int], fraction: float) -> frozenset[int]:
    """The ids of the images that validate: ``fraction`` of all, at least one, chosen by a hash of the id.

    An image that is added or removed hardly changes the choice among the others.

    Raises:
        ValueError: fewer than two images, which cannot be split.
    """
    ranked = sorted(set(identities), key=lambda identity: hashlib.sha256(str(identity).encode()).digest())
    if len(ranked) < 2:
        raise ValueError(f'{len(ranked)} images cannot be split. Give more, or --val-is-train')
    n = min(max(1, round(fraction * len(ranked))), len(ranked) - 1)
    return frozenset(ranked[:n])

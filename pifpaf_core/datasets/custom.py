"""A data module for a data set that a file declares: ``--dataset=mydata.yaml``."""

import functools
from dataclasses import dataclass

from .. import plugins
from ..skeletons import Skeleton
from . import declaration
from .declaration import Declaration
from .keypoints import KeypointModule, KeypointOptions
from .options import GROUP, LoaderOptions

PREFIX = 'custom'


@dataclass(frozen=True)
class CustomOptions(KeypointOptions):
    """data sets that a file declares (for --dataset=FILE.yaml); flags win over what the file says."""


class CustomModule(KeypointModule):
    """A data set as its file declares it. The file is read when something in it is first needed.

    Args:
        path: of the file.
        options: an instance of ``Options``.
        loader: options that all data sets share.
    """

    Options = CustomOptions

    options: CustomOptions

    def __init__(self, path: str, options: CustomOptions, loader: LoaderOptions) -> None:
        super().__init__(options, loader)
        self._path = path

    @functools.cached_property
    def declaration(self) -> Declaration:
        """What the file says.

        Raises:
            ValueError: the file makes no sense, or its name is that of another data set.
        """
        declared = declaration.read(self._path)
        if declared.name in plugins.names(GROUP):
            raise ValueError(f"{self._path}: the name '{declared.name}' is taken. Give the data set a name of its own")
        return declared

    @property
    def name(self) -> str:  # type: ignore[override]  # known once the file is read
        """As declared."""
        return self.declaration.name

    @property
    def skeleton(self) -> Skeleton:  # type: ignore[override]
        """As declared."""
        return self.declaration.skeleton

    @property
    def categories(self) -> tuple[int, ...] | None:  # type: ignore[override]
        """As declared."""
        return self.declaration.categories

    @property
    def train_files(self) -> tuple[str, str]:
        """Training images."""
        return self._files('train', self.options.train_annotations, self.options.train_image_dir)

    @property
    def val_files(self) -> tuple[str, str]:
        """Validation images."""
        return self._files('val', self.options.val_annotations, self.options.val_image_dir)

    @property
    def eval_files(self) -> tuple[str, str]:
        """Images to evaluate: those of the options, else of the file, else the validation images."""
        options = self.options
        split = 'eval' if 'eval' in self.declaration.files else 'val'
        return self._files(
            split, options.eval_annotations or options.val_annotations, options.eval_image_dir or options.val_image_dir
        )

    def _files(self, split: str, annotations: str, folder: str) -> tuple[str, str]:
        declared = self.declaration.files.get(split, ('', ''))
        found = annotations or declared[0], folder or declared[1]
        if not all(found):
            raise ValueError(
                f"data set '{self.name}' does not say where its {split} images are. Add {split} with annotations and "
                f'images to its file, or --{PREFIX}-{split}-annotations and --{PREFIX}-{split}-image-dir'
            )
        return found

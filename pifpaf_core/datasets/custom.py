"""A data module for a data set that a file declares: ``--dataset=mydata.yaml``."""

from dataclasses import dataclass
from typing import ClassVar

from . import declaration
from .declaration import Declaration
from .keypoints import KeypointModule, KeypointOptions

PREFIX = 'custom'


@dataclass(frozen=True)
class CustomOptions(KeypointOptions):
    """data sets that a file declares (for --dataset=FILE.yaml); flags win over what the file says."""


class CustomModule(KeypointModule):
    """A data set as declared; a subclass for each file, made by `custom_module`."""

    Options = CustomOptions
    declaration: ClassVar[Declaration]

    options: CustomOptions

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


def custom_module(path: str) -> type[CustomModule]:
    """The data module that the file at ``path`` declares.

    Raises:
        ValueError: the file makes no sense; see `declaration.read`.
    """
    declared = declaration.read(path)

    class Declared(CustomModule):
        """As the file says."""

        name = declared.name
        skeleton = declared.skeleton
        categories = declared.categories
        declaration = declared

    return Declared

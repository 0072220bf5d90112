"""The keypoints of cats, dogs, horses, sheep and cows in Animal-Pose."""

from dataclasses import dataclass, replace

from ..options import option
from ..skeletons.animal import ANIMAL
from .keypoints import KeypointModule, KeypointOptions

_ROOT = 'data-animalpose'


@dataclass(frozen=True)
class AnimalOptions(KeypointOptions):
    """data module Animal."""

    train_annotations: str = option(
        f'{_ROOT}/annotations/animal_keypoints_20_train.json', 'COCO file of the training annotations'
    )
    val_annotations: str = option(
        f'{_ROOT}/annotations/animal_keypoints_20_val.json', 'COCO file of the validation annotations'
    )
    train_image_dir: str = option(f'{_ROOT}/images/train/', 'folder of the training images')
    val_image_dir: str = option(f'{_ROOT}/images/val/', 'folder of the validation images')
    square_edge: int | None = option(None, 'side in pixels of training images (default: --square-edge, else 513)')
    bmin: float = option(1.0, 'smallest width b in pixels of the regression loss')
    eval_long_edge: int = option(0, 'long side in pixels of images in evaluation; 0 keeps their size')


class Animal(KeypointModule):
    """Four-legged animals: 20 keypoints, 20 connections; one kind, whatever the species."""

    name = 'animal'
    Options = AnimalOptions
    skeleton = ANIMAL
    categories = None
    recipe = replace(KeypointModule.recipe, edge=513)

    options: AnimalOptions

"""The keypoints of cars in ApolloCar3D."""

from dataclasses import dataclass, replace

from ..headmeta import HeadMeta
from ..options import option
from ..skeletons.apollo import CAR_24, CAR_66
from .centrality import weighted
from .keypoints import KeypointModule, KeypointOptions
from .options import LoaderOptions

_ROOT = 'data-apollocar3d'


@dataclass(frozen=True)
class ApolloOptions(KeypointOptions):
    """data module Apollo."""

    train_annotations: str = option(
        f'{_ROOT}/annotations/apollo_keypoints_66_train.json', 'COCO file of the training annotations'
    )
    val_annotations: str = option(
        f'{_ROOT}/annotations/apollo_keypoints_66_val.json', 'COCO file of the validation annotations'
    )
    train_image_dir: str = option(f'{_ROOT}/images/train/', 'folder of the training images')
    val_image_dir: str = option(f'{_ROOT}/images/val/', 'folder of the validation images')
    square_edge: int | None = option(None, 'side in pixels of training images (default: --square-edge, else 513)')
    bmin: float = option(1.0, 'smallest width b in pixels of the regression loss')
    eval_long_edge: int = option(0, 'long side in pixels of images in evaluation; 0 keeps their size')
    apply_local_centrality_weights: bool = option(
        False, 'in training, weigh keypoints by how far apart they are, so that dense parts do not count most'
    )
    use_24_kps: bool = option(False, 'the annotation files have 24 keypoints and not all 66')


class Apollo(KeypointModule):
    """Cars: 66 keypoints and 108 connections, or 24 and 49.

    ``--apollo-apply-local-centrality-weights`` weighs the losses by `centrality.keypoint_weights`.
    """

    name = 'apollo'
    Options = ApolloOptions
    recipe = replace(KeypointModule.recipe, edge=513)

    options: ApolloOptions

    def __init__(self, options: ApolloOptions, loader: LoaderOptions) -> None:
        super().__init__(options, loader)
        self.skeleton = CAR_24 if options.use_24_kps else CAR_66

    @property
    def head_metas(self) -> tuple[HeadMeta, ...]:
        """Keypoints and connections, weighed if asked for."""
        metas = super().head_metas
        return tuple(map(weighted, metas)) if self.options.apply_local_centrality_weights else metas

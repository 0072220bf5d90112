"""People as fields: what a network would predict for standing people at random places. Made from the encoders."""

import numpy as np

from pifpaf_core.annotation import Array, GroundTruth
from pifpaf_core.encoders import encode
from pifpaf_core.headmeta import Caf, Cif, HeadMeta
from pifpaf_core.skeletons.cocokp import COCO_PERSON

SIZE = (641, 481)
"""Width and height in pixels of the images."""


def heads(stride: int) -> list[HeadMeta]:
    """The Cif and Caf heads of COCO's person, bound to a network of this stride."""
    cif = Cif(name='cif', dataset='cocokp', skeleton=COCO_PERSON)
    caf = Caf(name='caf', dataset='cocokp', skeleton=COCO_PERSON)
    return [cif.bound(0, stride), caf.bound(1, stride)]


def people(
    n: int, *, seed: int = 0, size: tuple[int, int] = SIZE, heights: tuple[float, float] = (135.0, 440.0)
) -> GroundTruth:
    """Annotations of n people who stand upright, each joint moved by a hundredth of the height.

    Args:
        n: number of people.
        seed: of their places and sizes.
        size: width and height of the image in pixels.
        heights: smallest and largest height in pixels.
    """
    rng = np.random.default_rng([seed, n])
    upright = np.array(COCO_PERSON.upright)
    upright = (upright - upright.min(0)) / np.ptp(upright[:, 1]) * [1.0, -1.0] + [0.0, 1.0]
    keypoints = np.empty((n, len(upright), 3))
    for i in range(n):
        height = min(rng.uniform(*heights), size[1] - 10.0)
        corner = rng.uniform([0.0, 0.0], [size[0] - 0.4 * height, size[1] - height])
        keypoints[i, :, :2] = corner + upright * height + rng.normal(0.0, 0.01 * height, upright.shape)
        keypoints[i, :, 2] = 2.0
    low, high = keypoints[..., :2].min(axis=1), keypoints[..., :2].max(axis=1)
    return GroundTruth(keypoints, np.concatenate([low, high - low], axis=1), np.zeros(n, bool), np.ones(n, np.int64))


def fields(
    truth: GroundTruth, metas: list[HeadMeta], *, size: tuple[int, int] = SIZE, noise: float = 0.0, seed: int = 0
) -> list[Array]:
    """Fields in inference layout of a network that predicts exactly the targets, or nearly so.

    Args:
        truth: what is in the image.
        metas: heads, bound.
        size: width and height of the image in pixels.
        noise: 0 is none. 1 multiplies each confidence by a number from 0.5 to 1 and moves each regression by about a
            tenth of a cell.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    return [_noisy(_as_prediction(encode(meta, truth, size=size), meta), meta, noise, rng) for meta in metas]


def _as_prediction(target: Array, meta: HeadMeta) -> Array:
    """A target [F, T, H, W] as prediction [F, C, H, W]: places in cells, confidence 0.9, what is unknown small."""
    F, _, H, W = target.shape
    field = np.zeros((F, meta.prediction.n_components, H, W), np.float32)
    field[:, meta.prediction.confidence] = 0.9 * np.nan_to_num(target[:, meta.target.confidence])
    rows, columns = np.indices((H, W))
    for i, is_offset in enumerate(meta.prediction.offset_vectors):
        vector = np.nan_to_num(target[:, meta.target.vector(i)])
        field[:, meta.prediction.vector(i)] = vector + np.stack([columns, rows]) * is_offset
    for i in range(len(meta.prediction.scales)):
        field[:, meta.prediction.scale(i)] = np.nan_to_num(target[:, meta.target.scale(i)], nan=0.5)
    return field


def _noisy(field: Array, meta: HeadMeta, noise: float, rng: np.random.Generator) -> Array:
    layout = meta.prediction
    field[:, layout.confidence] *= 1.0 - noise * rng.uniform(0.0, 0.5, field[:, 0].shape)
    for i in range(len(layout.vectors)):
        field[:, layout.vector(i)] += noise * rng.normal(0.0, 0.1, field[:, layout.vector(i)].shape)
    return field


def firing(
    metas: list[HeadMeta], *, size: tuple[int, int] = SIZE, scale: tuple[float, float] = (0.5, 3.0), seed: int = 0
) -> list[Array]:
    """Fields in inference layout of a network that was never trained, as bad as they come: every cell is confident.

    Args:
        metas: heads, bound.
        size: width and height of the image in pixels.
        scale: smallest and largest size of keypoints in cells.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    result = []
    for meta in metas:
        layout = meta.prediction
        H, W = ((edge - 1) // meta.stride + 1 for edge in reversed(size))
        rows, columns = np.indices((H, W))
        field = np.zeros((meta.n_fields, layout.n_components, H, W), np.float32)
        field[:, layout.confidence] = rng.uniform(0.3, 1.0, field[:, 0].shape)
        for i in range(len(layout.vectors)):
            field[:, layout.vector(i)] = np.stack([columns, rows]) + rng.normal(
                0.0, 0.5, field[:, layout.vector(i)].shape
            )
        for i in range(len(layout.scales)):
            field[:, layout.scale(i)] = rng.uniform(*scale, field[:, 0].shape)
        result.append(field)
    return result

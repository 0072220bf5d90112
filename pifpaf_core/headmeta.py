"""Head metas: what a composite field is. Pure data; encoders, heads, losses and decoders follow from it."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from .skeletons import Skeleton


@dataclass(frozen=True)
class Layout:
    """Where the components of a composite field lie on the component axis. No other module writes a channel number.

    Attributes:
        n_components: length of the component axis.
        confidence: index of the confidence.
        vectors: for each vector the index of its x; y follows.
        scales: index of each scale.
        bmins: index of each minimal width b, one a vector (targets only).
        logs2: index of the shared log width (predictions only).
        offset_vectors: for each vector whether it points from the cell, so that the cell's index is added in inference.
    """

    n_components: int
    confidence: int
    vectors: tuple[int, ...]
    scales: tuple[int, ...] = ()
    bmins: tuple[int, ...] = ()
    logs2: int | None = None
    offset_vectors: tuple[bool, ...] = ()

    def vector(self, i: int) -> slice:
        """Components x, y of vector ``i``."""
        return slice(self.vectors[i], self.vectors[i] + 2)

    def scale(self, i: int) -> int:
        """Component of scale ``i``."""
        return self.scales[i]

    def bmin(self, i: int) -> int:
        """Component of the minimal width that belongs to vector ``i``."""
        return self.bmins[i]


def _prediction(vectors: int, scales: int, offset: tuple[bool, ...]) -> Layout:
    first_scale = 2 + 2 * vectors
    return Layout(
        n_components=first_scale + scales,
        logs2=0,
        confidence=1,
        vectors=tuple(2 + 2 * i for i in range(vectors)),
        scales=tuple(first_scale + i for i in range(scales)),
        offset_vectors=offset,
    )


def _target(vectors: int, scales: int) -> Layout:
    first_bmin = 1 + 2 * vectors
    return Layout(
        n_components=first_bmin + vectors + scales,
        confidence=0,
        vectors=tuple(1 + 2 * i for i in range(vectors)),
        bmins=tuple(first_bmin + i for i in range(vectors)),
        scales=tuple(first_bmin + vectors + i for i in range(scales)),
    )


@dataclass(frozen=True, kw_only=True)
class HeadMeta:
    """What all composite fields have in common.

    Attributes:
        name: of the head, e.g. ``cif``.
        dataset: name of the data module that the head belongs to, e.g. ``cocokp``.
        upsample: factor by which the head refines the backbone's grid.
        training_weights: one weight for each field, or empty for equal weights.
        index: position of the head in its network; None until bound.
        base_stride: pixels from cell to cell of the backbone's output; None until bound.
    """

    name: str
    dataset: str
    upsample: int = 1
    training_weights: tuple[float, ...] = ()
    index: int | None = None
    base_stride: int | None = None

    prediction: ClassVar[Layout]
    target: ClassVar[Layout]

    def __post_init__(self) -> None:
        if self.upsample < 1:
            raise ValueError(f"head '{self.name}' has upsample {self.upsample}. Give 1, 2 or 4")
        if self.base_stride is not None and self.base_stride % self.upsample:
            raise ValueError(
                f"head '{self.name}' has upsample {self.upsample}, which does not divide the stride {self.base_stride} "
                'of the backbone. Give 1, 2 or 4'
            )
        if self.training_weights and len(self.training_weights) != self.n_fields:
            raise ValueError(
                f"head '{self.name}' has {len(self.training_weights)} training weights for "
                f'{self.n_fields} fields. Give one for each'
            )

    @property
    def stride(self) -> int:
        """Pixels from cell to cell of this head's fields."""
        assert self.base_stride is not None, f"head '{self.name}' is not bound to a network"
        return self.base_stride // self.upsample

    @property
    def n_fields(self) -> int:
        """Number F of fields."""
        return len(self.field_names)

    @property
    def field_names(self) -> tuple[str, ...]:
        """F names, for logs and plots."""
        raise TypeError(f'{type(self).__name__} does not say what its fields are')

    @property
    def loss_components(self) -> tuple[str, ...]:
        """Names of the components of this head's loss, in order (FIELDS section 8)."""
        raise TypeError(f'{type(self).__name__} does not say what its fields are')

    def bound(self, index: int, base_stride: int) -> 'HeadMeta':
        """A copy that belongs to head number ``index`` over a backbone of stride ``base_stride``."""
        return dataclasses.replace(self, index=index, base_stride=base_stride)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; inverse of `head_meta_from_dict`."""
        data = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            'type': type(self).__name__,
            **{k: v.to_dict() if isinstance(v, Skeleton) else v for k, v in data.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Cif(HeadMeta):
    """Composite intensity field: where each keypoint is. F = keypoints."""

    skeleton: Skeleton

    prediction: ClassVar[Layout] = _prediction(1, 1, (True,))
    target: ClassVar[Layout] = _target(1, 1)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Keypoint names."""
        return self.skeleton.names

    @property
    def loss_components(self) -> tuple[str, ...]:
        """Confidence, regression, scale."""
        return 'c', 'vec', 'scales'


@dataclass(frozen=True, kw_only=True)
class Caf(HeadMeta):
    """Composite association field: where both ends of each connection are. F = connections.

    Attributes:
        dense: fields for the skeleton's dense connections in place of its sparse ones. Dense targets are made only
            where both ends lie in the image and no path of short sparse connections exists.
        dense_to_sparse_radius: a dense connection is left out if, at both ends, a sparse connection is shorter than its
            length divided by this.
    """

    skeleton: Skeleton
    dense: bool = False
    dense_to_sparse_radius: float = 2.0

    prediction: ClassVar[Layout] = _prediction(2, 2, (True, True))
    target: ClassVar[Layout] = _target(2, 2)

    @property
    def connections(self) -> tuple[tuple[int, int], ...]:
        """F zero-based pairs of keypoint indices."""
        return self.skeleton.dense_connections if self.dense else self.skeleton.connections

    @property
    def field_names(self) -> tuple[str, ...]:
        """``source-target`` names of the connections."""
        return tuple(f'{self.skeleton.names[a]}-{self.skeleton.names[b]}' for a, b in self.connections)

    @property
    def loss_components(self) -> tuple[str, ...]:
        """Confidence, both regressions, both scales."""
        return 'c', 'vec', 'scales'


@dataclass(frozen=True, kw_only=True)
class CifDet(HeadMeta):
    """Composite intensity field of boxes: centre, width and height of each category's instances. F = categories."""

    categories: tuple[str, ...]

    prediction: ClassVar[Layout] = _prediction(2, 0, (True, False))
    target: ClassVar[Layout] = _target(2, 0)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Category names."""
        return self.categories

    @property
    def loss_components(self) -> tuple[str, ...]:
        """Confidence, regression of centre and size."""
        return 'c', 'vec'


_TYPES: dict[str, type[HeadMeta]] = {'Cif': Cif, 'Caf': Caf, 'CifDet': CifDet}


def head_meta_from_dict(data: dict[str, Any]) -> HeadMeta:
    """Build a head meta from plain JSON data.

    Raises:
        ValueError: an unknown type of head.
    """
    values: dict[str, Any] = dict(data)
    kind = values.pop('type', None)
    if kind not in _TYPES:
        raise ValueError(f"unknown head type '{kind}'. Known: {', '.join(_TYPES)}")
    if 'skeleton' in values:
        values['skeleton'] = Skeleton.from_dict(values['skeleton'])
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return _TYPES[kind](**values)

"""One composite field in pixels, whatever its type and whether a network predicted it or an encoder made it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..annotation import Array
from ..headmeta import Caf, HeadMeta


@dataclass(frozen=True, eq=False)
class FieldView:
    """What there is to see of one field, in pixels of the network input. NaN where the field says nothing.

    Attributes:
        title: head and name of the field.
        confidence: [H, W] in [0, 1]; NaN marks cells that training ignores.
        cells: [H, W, 2] x, y of the cells.
        ends: for each vector that points to a place [H, W, 2], x, y of that place.
        end_names: what these places are.
        scales: for each of ``ends`` [H, W], the size of what is there; empty if the field holds none.
        sizes: for each vector that is a width and height [H, W, 2].
        stride: pixels from cell to cell.
    """

    title: str
    confidence: Array
    cells: Array
    ends: tuple[Array, ...]
    end_names: tuple[str, ...]
    scales: tuple[Array, ...]
    sizes: tuple[Array, ...]
    stride: int


def predicted_view(field: Array, meta: HeadMeta, index: int) -> FieldView:
    """Field ``index`` of a head in inference layout [F, C, H, W] (cells, index added)."""
    return _view(field[index], meta, index, target=False)


def target_view(field: Array, meta: HeadMeta, index: int) -> FieldView:
    """Field ``index`` of a target [F, T, H, W] (offsets in cells, NaN where undefined)."""
    return _view(field[index], meta, index, target=True)


def _view(components: Array, meta: HeadMeta, index: int, *, target: bool) -> FieldView:
    layout = meta.target if target else meta.prediction
    offset = meta.prediction.offset_vectors
    rows, columns = np.indices(components.shape[1:])
    cells = np.stack([columns, rows], -1).astype(np.float64)
    vectors = [np.moveaxis(components[layout.vector(i)], 0, -1).astype(np.float64) for i in range(len(layout.vectors))]
    ends = [vector + cells if target else vector for vector, points in zip(vectors, offset, strict=True) if points]
    return FieldView(
        title=f'{"target of " if target else ""}{meta.name} {index}: {meta.field_names[index]}',
        confidence=components[layout.confidence].astype(np.float64),
        cells=cells * meta.stride,
        ends=tuple(end * meta.stride for end in ends),
        end_names=_end_names(meta, index),
        scales=tuple(components[scale].astype(np.float64) * meta.stride for scale in layout.scales),
        sizes=tuple(v * meta.stride for v, points in zip(vectors, offset, strict=True) if not points),
        stride=meta.stride,
    )


def _end_names(meta: HeadMeta, index: int) -> tuple[str, ...]:
    if isinstance(meta, Caf):
        return tuple(meta.skeleton.names[end] for end in meta.connections[index])
    return (meta.field_names[index],)


@dataclass(frozen=True)
class FieldIndex:
    """One field that ``--debug-indices`` names.

    Attributes:
        head: number of the head in the network.
        field: number of the field in the head.
        plot: the only plot wanted of it, or None for all.
    """

    head: int
    field: int
    plot: str | None


def resolve_indices(indices: Sequence[str], metas: Sequence[HeadMeta]) -> list[FieldIndex]:
    """The fields that ``--debug-indices`` name, e.g. ``cif:5``, ``caf:nose-left_eye`` or ``cif:5:confidence``.

    Raises:
        ValueError: no such head or field; the message says which there are.
    """
    found = []
    for text in indices:
        head_name, field_name, *plot = text.split(':')
        heads = [i for i, meta in enumerate(metas) if meta.name == head_name]
        if not heads:
            known = ', '.join(dict.fromkeys(meta.name for meta in metas))
            raise ValueError(f"--debug-indices '{text}': there is no head '{head_name}'. Known: {known}")
        for head in heads:
            found.append(FieldIndex(head, _field_number(field_name, metas[head], text), plot[0] if plot else None))
    return found


def _field_number(name: str, meta: HeadMeta, text: str) -> int:
    if name in meta.field_names:
        return meta.field_names.index(name)
    if name.isdecimal() and int(name) < meta.n_fields:
        return int(name)
    raise ValueError(
        f"--debug-indices '{text}': head '{meta.name}' has no field '{name}'. "
        f'Give 0 to {meta.n_fields - 1}, or a name: {", ".join(meta.field_names)}'
    )

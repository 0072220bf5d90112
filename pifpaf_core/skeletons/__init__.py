"""Skeletons as tables: the keypoints of an instance and which are connected. Pure data, validated when built."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Keypoint:
    """One row of a skeleton.

    Attributes:
        name: unique within the skeleton.
        sigma: COCO's per-keypoint standard deviation, relative to the square root of the instance area.
        upright: x, y of the keypoint in an upright standard pose, in units of the pose (y up).
        mirror: name of the keypoint that this one becomes in a mirrored image; its own name if it stays.
    """

    name: str
    sigma: float
    upright: tuple[float, float]
    mirror: str


@dataclass(frozen=True)
class Skeleton:
    """Keypoints and the connections between them.

    Attributes:
        keypoints: K rows, in the order of annotations and of the fields of a Cif head.
        connections: E pairs of keypoint indices (zero-based, source and target), the fields of a Caf head in this
            order.
        dense_connections: further pairs for a dense Caf head; may be empty.
        score_weights: K weights of the *sorted* keypoint confidences in an instance's score; empty means all 1.

    Raises:
        ValueError: duplicate keypoint names, a sigma that is not positive, a mirror that is unknown or not mutual, a
            connection to an unknown keypoint or to itself, or a wrong number of score weights. The message names the
            row.
    """

    keypoints: tuple[Keypoint, ...]
    connections: tuple[tuple[int, int], ...]
    dense_connections: tuple[tuple[int, int], ...] = ()
    score_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        rows = {keypoint.name: keypoint for keypoint in self.keypoints}
        if len(rows) != len(self.keypoints):
            twice = sorted({k.name for k in self.keypoints if [x.name for x in self.keypoints].count(k.name) > 1})
            raise ValueError(
                f'keypoint names occur twice: {", ".join(twice)}. Names identify keypoints; make them unique'
            )
        for row in self.keypoints:
            if not row.sigma > 0.0:
                raise ValueError(f"keypoint '{row.name}' has sigma {row.sigma}. Give a positive number, e.g. 0.05")
            if row.mirror not in rows:
                raise ValueError(f"keypoint '{row.name}' has the unknown mirror '{row.mirror}'. Name a keypoint")
            if rows[row.mirror].mirror != row.name:
                raise ValueError(
                    f"keypoint '{row.name}' has mirror '{row.mirror}' but not the other way round. Make it mutual"
                )
        for pair in (*self.connections, *self.dense_connections):
            if pair[0] == pair[1] or not all(0 <= end < len(self.keypoints) for end in pair):
                raise ValueError(
                    f'connection {pair} needs two different keypoint indices from 0 to {len(self.keypoints) - 1}'
                )
        if self.score_weights and len(self.score_weights) != len(self.keypoints):
            raise ValueError(
                f'{len(self.score_weights)} score weights for {len(self.keypoints)} keypoints. Give one for each'
            )

    @property
    def names(self) -> tuple[str, ...]:
        """K keypoint names."""
        return tuple(keypoint.name for keypoint in self.keypoints)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """K sigmas, relative to the square root of the instance area."""
        return tuple(keypoint.sigma for keypoint in self.keypoints)

    @property
    def upright(self) -> tuple[tuple[float, float], ...]:
        """K positions x, y in the upright standard pose."""
        return tuple(keypoint.upright for keypoint in self.keypoints)

    @property
    def mirror(self) -> tuple[int, ...]:
        """K indices: after mirroring the image, keypoint i is what keypoint ``mirror[i]`` was."""
        return tuple(self.names.index(keypoint.mirror) for keypoint in self.keypoints)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; inverse of `from_dict`."""
        return {
            'keypoints': [[k.name, k.sigma, list(k.upright), k.mirror] for k in self.keypoints],
            'connections': [list(pair) for pair in self.connections],
            'dense_connections': [list(pair) for pair in self.dense_connections],
            'score_weights': list(self.score_weights),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> 'Skeleton':
        """Build from `to_dict`'s data, e.g. out of a checkpoint."""
        return cls(
            keypoints=tuple(
                Keypoint(name, float(sigma), (float(xy[0]), float(xy[1])), mirror)
                for name, sigma, xy, mirror in data['keypoints']
            ),
            connections=tuple((int(a), int(b)) for a, b in data['connections']),
            dense_connections=tuple((int(a), int(b)) for a, b in data.get('dense_connections', ())),
            score_weights=tuple(float(w) for w in data.get('score_weights', ())),
        )


def skeleton_from_tables(
    keypoints: Sequence[tuple[str, float, tuple[float, float]]],
    connections: Sequence[tuple[int, int]],
    *,
    dense_connections: Sequence[tuple[int, int]] = (),
    mirror: dict[str, str] | None = None,
    score_weights: Sequence[float] = (),
) -> Skeleton:
    """A skeleton from rows (name, sigma, upright xy) and **one-based** pairs, the convention of COCO's JSON.

    Args:
        keypoints: rows in order.
        connections: one-based pairs.
        dense_connections: one-based pairs.
        mirror: one direction of the mirror pairs suffices. Without it, ``left`` and ``right`` in the names decide.
        score_weights: as in `Skeleton`.
    """
    names = [row[0] for row in keypoints]
    pairs = (
        {**mirror, **{b: a for a, b in mirror.items()}}
        if mirror is not None
        else {n: _mirror_by_name(n, names) for n in names}
    )
    return Skeleton(
        keypoints=tuple(Keypoint(name, sigma, xy, pairs.get(name, name)) for name, sigma, xy in keypoints),
        connections=tuple((a - 1, b - 1) for a, b in connections),
        dense_connections=tuple((a - 1, b - 1) for a, b in dense_connections),
        score_weights=tuple(score_weights),
    )


def _mirror_by_name(name: str, names: Sequence[str]) -> str:
    swapped = re.sub('left|right', lambda side: 'right' if side[0] == 'left' else 'left', name)
    return swapped if swapped in names else name

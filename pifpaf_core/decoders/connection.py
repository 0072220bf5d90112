"""Connection: where a keypoint leads along a connection of the skeleton, how surely (FIELDS section 12, rule 3)."""

import math

import numpy as np

from ..kernels import jit_in_place
from .candidates import Candidates, near
from .cells import Real

_SEARCH = 32  # candidates that take as long as a search without any
_QUARTER, _HALF = np.float32(0.25), np.float32(0.5)
_ZERO = np.float32(0.0)


@jit_in_place
def connect(
    candidates: Candidates, number: int, x: Real, y: Real, size: Real, least: Real, reach: Real, blend: bool
) -> tuple[Real, Real, Real, Real]:
    """Follow a list of candidates from a keypoint.

    Args:
        candidates: list ``number`` must have been made.
        number: of the list.
        x: of the keypoint, pixels.
        y: likewise.
        size: the keypoint's, pixels.
        least: confidence that a candidate must exceed.
        reach: candidates may start half of this many sizes to either side.
        blend: the weighted mean of the two best candidates, or the best one alone.

    Returns:
        Value of the connection, 0 if there is none; x, y and size of the keypoint that it leads to, in pixels.
    """
    size = max(np.float32(size), _HALF)
    radius = np.float32(reach) * size * _HALF
    first_score, first, second_score, second = _best_two(
        candidates, number, np.float32(x), np.float32(y), size, np.float32(least), radius
    )
    if first < 0:
        return _ZERO, _ZERO, _ZERO, _ZERO
    best = candidates.records[number, first]
    size1 = max(best.to_size, _ZERO)
    if not blend:
        return first_score, best.to_x, best.to_y, size1
    if second >= 0 and second_score >= np.float32(0.01) and second_score >= _HALF * first_score:
        other = candidates.records[number, second]
        dx, dy = best.to_x - other.to_x, best.to_y - other.to_y
        if dx * dx + dy * dy <= size1 * size1 * _QUARTER:
            total = first_score + second_score
            a, b = first_score / total, second_score / total
            size2 = max(other.to_size, _ZERO)
            return (
                _HALF * total, a * best.to_x + b * other.to_x, a * best.to_y + b * other.to_y, a * size1 + b * size2
            )  # fmt: skip
    return _HALF * first_score, best.to_x, best.to_y, size1


@jit_in_place
def _best_two(
    candidates: Candidates, number: int, x: Real, y: Real, size: Real, least: Real, radius: Real
) -> tuple[Real, int, Real, int]:
    """Scores and records of the two best candidates that start in the square; record -1 where there is none.

    Of equal scores the later cell is the better one. A score is at most the candidate's confidence, which spares the
    exponential of most.
    """
    records = candidates.records[number]
    start, stop = near(candidates, number, y - radius, y + radius)
    candidates.work[0] += stop - start + _SEARCH
    falloff = np.float32(-2.0) / (size * size)
    first_score, first, second_score, second = _ZERO, -1, _ZERO, -1
    for k in range(start, stop):
        candidate = records[k]
        if not (candidate.confidence > least and candidate.confidence >= second_score):
            continue
        dx, dy = candidate.x - x, candidate.y - y
        if abs(dx) > radius or abs(dy) > radius:
            continue
        score = candidate.confidence * np.float32(math.exp(falloff * (dx * dx + dy * dy)))
        if not score > 0.0:
            continue
        if score > first_score or (score == first_score and candidate.cell > records[first].cell):
            second_score, second, first_score, first = first_score, first, score, k
        elif score > second_score or (score == second_score and candidate.cell > records[second].cell):
            second_score, second = score, k
    return first_score, first, second_score, second

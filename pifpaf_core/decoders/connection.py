"""Connection: where a keypoint leads along a connection of the skeleton, how surely (FIELDS section 12, rule 3)."""

import numpy as np

from ..annotation import Array
from ..kernels import jit_in_place
from .candidates import PER_HEIGHT, PER_WIDTH, Lists, bin_of
from .cells import Real

_SEARCH = 32  # candidates that take as long as a search without any
_ZERO, _QUARTER, _HALF = np.float32(0.0), np.float32(0.25), np.float32(0.5)
_EXP = tuple(  # of exp(-u) for u from 0 to 1, within 3e-8
    np.float32(c) for c in (0.00083491, -0.00761112, 0.0411734, -0.1664884, 0.49996854, -0.99999786, 1.0)
)


@jit_in_place
def connect(
    lists: Lists, number: int, x: Real, y: Real, size: Real, least: Real, reach: Real, blend: bool
) -> tuple[Real, Real, Real, Real]:
    """Follow a list of candidates from a keypoint.

    Args:
        lists: list ``number`` must have been made.
        number: of the list.
        x: of the keypoint, pixels.
        y: likewise.
        size: the keypoint's, pixels.
        least: confidence that a candidate must exceed.
        reach: candidates may start half of this many sizes to either side, at most 2.
        blend: the weighted mean of the two best candidates, or the best one alone.

    Returns:
        Value of the connection, 0 if there is none; x, y and size of the keypoint that it leads to, in pixels.
    """
    size = max(np.float32(size), _HALF)
    radius = np.float32(reach) * size * _HALF
    first_score, first, second_score, second = _best_two(lists, number, x, y, size, np.float32(least), radius)
    if first < 0:
        return _ZERO, _ZERO, _ZERO, _ZERO
    best = lists.target[first]
    size1 = max(best.size, _ZERO)
    if not blend:
        return first_score, best.x, best.y, size1
    if second >= 0 and second_score >= np.float32(0.01) and second_score >= _HALF * first_score:
        other = lists.target[second]
        dx, dy = best.x - other.x, best.y - other.y
        if dx * dx + dy * dy <= size1 * size1 * _QUARTER:
            total = first_score + second_score
            a, b = first_score / total, second_score / total
            size2 = max(other.size, _ZERO)
            return _HALF * total, a * best.x + b * other.x, a * best.y + b * other.y, a * size1 + b * size2
    return _HALF * first_score, best.x, best.y, size1


@jit_in_place
def _best_two(
    lists: Lists, number: int, x: Real, y: Real, size: Real, least: Real, radius: Real
) -> tuple[Real, int, Real, int]:
    """Scores and indices of the two best candidates that start in the square; index -1 where there is none."""
    start = lists.start[number]
    lists.state[0] += _SEARCH
    best = _ZERO, -1, _ZERO, -1
    if lists.binned[number] == 0:
        return _better(lists, start[0], start[1], x, y, size, least, radius, best)
    columns, rows = lists.bins
    left, right = bin_of(x - radius, PER_WIDTH, columns), bin_of(x + radius, PER_WIDTH, columns)
    for row in range(bin_of(y - radius, PER_HEIGHT, rows), bin_of(y + radius, PER_HEIGHT, rows) + 1):
        first, last = start[row * columns + left], start[row * columns + right + 1]
        if first < last:
            best = _better(lists, first, last, x, y, size, least, radius, best)
    return best


@jit_in_place
def _better(
    lists: Lists, start: int, stop: int, x: Real, y: Real, size: Real, least: Real, radius: Real,
    best: tuple[Real, int, Real, int],
) -> tuple[Real, int, Real, int]:  # fmt: skip
    """The two best of those known and of candidates ``start`` to ``stop``; of equal scores the later cell is better."""
    lists.state[0] += stop - start
    _score(lists, start, stop, x, y, size, least, radius)
    scores, target = lists.scores, lists.target
    first_score, first, second_score, second = best
    for k in range(start, stop):
        score = scores[k - start]
        if score < second_score or score == 0.0:
            continue
        if score > first_score or (score == first_score and target[k].cell > target[first].cell):
            second_score, second, first_score, first = first_score, first, score, k
        elif score > second_score or target[k].cell > target[second].cell:
            second_score, second = score, k
    return first_score, first, second_score, second


@jit_in_place
def _score(lists: Lists, start: int, stop: int, x: Real, y: Real, size: Real, least: Real, radius: Real) -> None:
    """Confidence times exp(-2 d^2 / size^2) of candidates ``start`` to ``stop``, 0 for those that do not count.

    One loop without branches, so that it is vectorized. For the same reason exp is a polynomial (to the 16th power,
    which reaches every distance that counts), within 1e-6 of the true one.
    """
    scores: Array = lists.scores
    falloff = np.float32(0.125) / (size * size)
    offset = np.uint64(start)
    for k in range(np.uint64(stop - start)):
        dx, dy = lists.x[offset + k] - x, lists.y[offset + k] - y
        u = (dx * dx + dy * dy) * falloff
        power = ((_EXP[0] * u + _EXP[1]) * u + _EXP[2]) * u + _EXP[3]
        power = ((power * u + _EXP[4]) * u + _EXP[5]) * u + _EXP[6]
        power *= power
        power *= power
        power *= power
        power *= power
        confidence = lists.confidence[offset + k]
        counts = (max(abs(dx), abs(dy)) <= radius) & (confidence > least)
        scores[k] = confidence * power if counts else _ZERO

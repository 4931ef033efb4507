"""Pareto sets. A candidate dominates another one if it is better in one figure and no worse in any.

The set is found by divide and conquer: Kung, Luccio and Preparata, "On finding the maxima of a set of vectors" (Journal
of the ACM 22, 1975). Sorted by their first figure, the later half is dominated by none of its own and by members of
the earlier half only in the other figures; there, halves by the last figure leave one figure less to compare.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ObjectiveValues = NDArray[np.float64]
"""float64 [candidates, objectives]; smaller is better."""

_Mask = NDArray[np.bool_]
_FEW = 2**16  # pairs that are compared directly: faster than to divide them further
_SMALL = 128  # candidates whose Pareto set is found by comparing all pairs


def pareto_front(figures: ObjectiveValues) -> NDArray[np.int64]:
    """Return the indices of the candidates that no other dominates, in order. Equal candidates are all kept."""
    if not len(figures):
        return np.zeros(0, np.int64)
    order = np.lexsort(figures.T[::-1])
    ascending = figures[order]
    # Of equal candidates one stands for all: among distinct ones, to be no worse anywhere is to dominate.
    distinct = np.append(True, np.any(ascending[1:] != ascending[:-1], axis=1))
    kept = np.zeros(np.count_nonzero(distinct), np.bool_)
    kept[_sorted_front(np.asfortranarray(ascending[distinct]))] = True
    return np.sort(order[kept[np.cumsum(distinct) - 1]])


def _sorted_front(rows: ObjectiveValues) -> NDArray[np.int64]:
    """Return the indices of the Pareto set of distinct rows in lexicographic order."""
    if len(rows) <= _SMALL:
        beats = np.ones((len(rows), len(rows)), np.bool_)
        for column in rows.T:
            beats &= column[:, None] <= column
        return np.flatnonzero(np.count_nonzero(beats, axis=0) == 1)  # every row is no worse than itself
    half = len(rows) // 2
    first = _sorted_front(rows[:half])
    left = half + np.flatnonzero(~is_dominated(rows[half:, 1:], by=rows[first, 1:]))
    return np.concatenate((first, left[_sorted_front(rows[left])]))


def is_dominated(figures: ObjectiveValues, *, by: ObjectiveValues) -> _Mask:
    """Return for each row whether a row of `by` is no worse in any figure."""
    if not len(figures) or not len(by):
        return np.zeros(len(figures), np.bool_)
    width = figures.shape[1]
    if width == 0:
        return np.ones(len(figures), np.bool_)
    if width == 1:
        return np.asarray(figures[:, 0] >= by[:, 0].min())
    if width == 2:
        return _dominated_in_two(figures, by)
    if len(figures) * len(by) <= _FEW:
        beats = figures[:, 0] >= by[:, :1]
        for column in range(1, width):
            beats &= figures[:, column] >= by[:, column : column + 1]
        return np.asarray(beats.any(axis=0))
    return _divided(figures, by)


def _dominated_in_two(figures: ObjectiveValues, by: ObjectiveValues) -> _Mask:
    order = np.argsort(by[:, 0], kind="stable")
    least = np.append(np.inf, np.minimum.accumulate(by[order, 1]))
    return np.asarray(least[np.searchsorted(by[order, 0], figures[:, 0], side="right")] <= figures[:, 1])


def _divided(figures: ObjectiveValues, by: ObjectiveValues) -> _Mask:
    """Halve both sets by the last figure: rows below the middle need no look at it to beat those above."""
    last, by_last = figures[:, -1], by[:, -1]
    middle = np.median(np.concatenate((last, by_last)))
    low, by_low = last < middle, by_last < middle
    if not low.any() and not by_low.any():  # the middle is the least value, as of many equal ones
        low, by_low = last <= middle, by_last <= middle
        found = np.zeros(len(figures), np.bool_)
        found[low] = is_dominated(figures[low, :-1], by=by[by_low, :-1])
        rest = np.flatnonzero(~low)
        rest = rest[~_mark(found, rest, is_dominated(figures[rest, :-1], by=by[by_low, :-1]))]
        _mark(found, rest, is_dominated(figures[rest], by=by[~by_low]))
        return found
    found = np.zeros(len(figures), np.bool_)
    found[low] = is_dominated(figures[low], by=by[by_low])
    high = np.flatnonzero(~low)
    high = high[~_mark(found, high, is_dominated(figures[high, :-1], by=by[by_low, :-1]))]
    _mark(found, high, is_dominated(figures[high], by=by[~by_low]))
    return found


def _mark(found: _Mask, places: NDArray[np.int64], dominated: _Mask) -> _Mask:
    found[places] = dominated
    return dominated


def dominators(figures: ObjectiveValues, of: ObjectiveValues) -> NDArray[np.int64]:
    """Return the indices of the candidates that are no worse than `of` in every figure and better in one."""
    return np.flatnonzero(np.all(figures <= of, axis=1) & np.any(figures < of, axis=1))


def rank_of(values: NDArray[np.float64], value: float) -> int:
    """Return the rank of a value among all, 1 for the smallest; equal values have the same rank."""
    return 1 + int(np.count_nonzero(values < value))

"""Pareto sets. A candidate dominates another one if it is better in one figure and no worse in any."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ObjectiveValues = NDArray[np.float64]
"""float64 [candidates, objectives]; smaller is better."""


def pareto_front(figures: ObjectiveValues) -> NDArray[np.int64]:
    """Return the indices of the candidates that no other dominates, in order. Equal candidates are all kept."""
    left = np.lexsort(figures.T[::-1])  # sorted by the first figure: a later candidate never dominates an earlier one
    front: list[int] = []
    while len(left):
        first = figures[left[0]]
        same = np.all(figures[left] == first, axis=1)
        front += left[same].tolist()
        left = left[np.any(figures[left] < first, axis=1)]
    return np.array(sorted(front), dtype=np.int64)


def dominators(figures: ObjectiveValues, of: ObjectiveValues) -> NDArray[np.int64]:
    """Return the indices of the candidates that are no worse than `of` in every figure and better in one."""
    return np.flatnonzero(np.all(figures <= of, axis=1) & np.any(figures < of, axis=1))


def rank_of(values: NDArray[np.float64], value: float) -> int:
    """Return the rank of a value among all, 1 for the smallest; equal values have the same rank."""
    return 1 + int(np.count_nonzero(values < value))

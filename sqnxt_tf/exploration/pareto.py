"""Which candidates are worth having: no other is better in one figure and no worse in the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Figures = NDArray[np.float64]
"""[candidates, objectives], smaller is better."""


def pareto_front(figures: Figures) -> NDArray[np.int64]:
    """Places of the candidates that no other dominates, in their order; equals are all kept."""
    alive = np.lexsort(figures.T[::-1])  # nobody is dominated by one that comes after it
    front: list[int] = []
    while len(alive):
        first = figures[alive[0]]
        same = np.all(figures[alive] == first, axis=1)
        front += alive[same].tolist()
        alive = alive[np.any(figures[alive] < first, axis=1)]
    return np.array(sorted(front), dtype=np.int64)


def dominators(figures: Figures, of: Figures) -> NDArray[np.int64]:
    """Places of the candidates that are no worse than `of` in every figure and better in one."""
    return np.flatnonzero(np.all(figures <= of, axis=1) & np.any(figures < of, axis=1))


def place(values: NDArray[np.float64], value: float) -> int:
    """The rank of a value among all, 1 for the smallest; equals share the better one."""
    return 1 + int(np.count_nonzero(values < value))

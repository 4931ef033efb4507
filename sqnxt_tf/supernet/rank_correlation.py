"""Kendall's tau: how far two rankings of the same things agree."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Kendall's tau-b of two rankings, -1 to 1; NaN where one of them holds a single value.

    It is the number of pairs in the same order less that of pairs in opposite order, over the geometric mean of the
    numbers of pairs that are not tied in each. Source: Kendall, The treatment of ties in ranking problems (1945).

    Example: of (1, 2, 3, 4) and (1, 3, 2, 4) one pair of six is in opposite order: tau is (5 - 1) / 6.
    """
    above = np.triu_indices(len(first), 1)
    left, right = (
        np.sign(values[:, None] - values[None, :])[above] for values in (np.asarray(first), np.asarray(second))
    )
    comparable = float(np.count_nonzero(left)) * float(np.count_nonzero(right))
    return float((left * right).sum() / comparable**0.5) if comparable else nan

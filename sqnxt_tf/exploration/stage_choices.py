"""Entries of stages that no member of a Pareto set can have, found before any sum is made.

If one entry of a stage is no worse than another in any value, the sum with it is no worse either, whatever the other
stages add. So the other entry can be left out, if its sums are not equal to those with the better one: the better one
must be better by more than rounding takes away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.exploration.cost_tables import Figures, Tables
from sqnxt_tf.exploration.pairs import Column

_CLEARLY = 2.0**-48  # of the largest sum, of which the additions of five numbers and a quotient lose at most 2^-50


def useful_entries(tables: Tables, columns: Sequence[Column]) -> tuple[NDArray[np.int64], ...]:
    """Return for each stage the entries that are not clearly dominated on every accelerator."""
    largest = tables.frame[..., 0] + sum(stage.max(axis=-1) for stage in tables.stages)
    margins = [_CLEARLY * largest[:, column.row] for column in columns]
    return tuple(np.flatnonzero(~_dominated(stage, columns, margins)) for stage in tables.stages)


def _dominated(stage: Figures, columns: Sequence[Column], margins: Sequence[Figures]) -> NDArray[np.bool_]:
    """Return for each entry whether another one clearly dominates it on every accelerator."""
    accelerators, _, entries = stage.shape
    no_worse = np.ones((accelerators, entries, entries), np.bool_)
    better = np.zeros((accelerators, entries, entries), np.bool_)
    for column, margin in zip(columns, margins, strict=True):
        values = -stage[:, column.row] if column.is_maximised else stage[:, column.row]
        one, other = values[:, :, None], values[:, None, :]
        no_worse &= one <= other
        better |= one + margin[:, None, None] < other
    return np.asarray((no_worse & better).any(axis=1).all(axis=0))

"""Cost every pair of a space that is small enough to keep all of them."""

from __future__ import annotations

from math import isinf
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.exploration.candidates import Candidate, costed
from sqnxt_tf.exploration.cost_tables import FIGURES, CostTables, Figures, depth_choices, depth_sums
from sqnxt_tf.exploration.space import Point, Space
from sqnxt_tf.progress import Progress

_TOLD_EVERY = 1000  # pairs


def enumerate_space(space: Space, progress: Progress) -> list[Candidate | None]:
    """Return the costs of all pairs in the order of `Space.points`; None for one without a network or a tiling."""
    tables = CostTables(space, progress)
    depths = depth_choices(space)
    figures = _figures(tables, np.array([place for place, _ in depths]))
    task, began, told = f"costing the {space.size:,} pairs of {space.name}", monotonic(), 0
    found: list[Candidate | None] = []
    for (_, depth), of_depth in zip(depths, figures, strict=True):
        for configuration, rows in zip(tables.configurations, of_depth.tolist(), strict=True):
            if configuration is None:
                found += [None] * len(rows)
                continue
            spec, input_size = space.network(depth, configuration.values)
            found += [
                None if isinf(sums[0]) else costed(space, Point(spec, input_size, place), sums)
                for place, sums in enumerate(rows)
            ]
        if len(found) - told >= _TOLD_EVERY or len(found) == space.size:
            told = len(found)
            progress(task, told, space.size, pairs_per_second=told / max(monotonic() - began, 1e-9))
    return found


def _figures(tables: CostTables, places: NDArray[np.int64]) -> Figures:
    """Return the figures of all pairs, float64 [depths, configurations, accelerators, figures]."""
    everywhere = range(len(tables.space.accelerators))
    figures = np.empty((len(places), len(tables.configurations), len(everywhere), len(FIGURES)))
    for order, configuration in enumerate(tables.configurations):
        if configuration is not None:
            sums = depth_sums(*tables.tables(configuration, everywhere))
            figures[:, order] = sums[..., places].transpose(2, 0, 1)
    return figures

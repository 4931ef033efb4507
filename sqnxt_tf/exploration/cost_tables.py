"""Costs of whole spaces from tables: a network's cost is that of its frame plus one entry for each stage.

Networks that differ only in the blocks of their stages share everything else: the shapes of their maps depend on the
other dimensions alone. So a *configuration* (one value of each other dimension) is described once, at its greatest
depths, and the layers of its first d blocks are the entry of depth d. A layer's cost depends on its own shape, and on
whether it is the network's first, which no entry changes. Hence the sums are those of the networks, layer by layer.

Example: with a frame of 100 cycles and blocks of 10, 20, 30 and 40 cycles in the four stages, the network of depths
(2, 4, 14, 1) takes 100 + 20 + 80 + 420 + 40 = 660.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.layer_tables import LAYER_FIGURES, layer_table
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.families import FAMILIES, NetworkSpec
from sqnxt_tf.exploration.space import Space
from sqnxt_tf.exploration.space_values import Value
from sqnxt_tf.exploration.workloads import row_layer
from sqnxt_tf.networks.tallies import NO_BLOCK, TallyOps
from sqnxt_tf.progress import Progress

Figures = NDArray[np.float64]
FIGURES = (*LAYER_FIGURES, "params", "macs")
"""The figures that are sums over layers. The others follow from them and from the accelerator."""

_PROGRESS_EVERY = 50  # layers


class Tables(NamedTuple):
    """Costs of a configuration: those of its frame, float64 [accelerators, figures, 1], and of each stage.

    `stages` has one array a stage, float64 [accelerators, figures, depths], in the order of the space's values.
    """

    frame: Figures
    stages: tuple[Figures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Values of the dimensions other than the stages, and the layers of the frame and of each block of each stage."""

    values: tuple[Value, ...]
    frame: Counter[int]
    blocks: tuple[tuple[Counter[int], ...], ...]


class CostTables:
    """The configurations of a space, and the cost of every distinct layer on every accelerator.

    `configurations` are in the order of the space; None stands for one without a network. An infinite cost is that of a
    layer of which no tiling fits.
    """

    def __init__(self, space: Space, progress: Progress) -> None:
        self.space = space
        self._family = FAMILIES[space.family]
        stages = tuple(tuple(map(int, space.dimensions[stage])) for stage in self._family.stages)
        self.stages = stages or ((0,),)  # a family without stages has one entry, which adds nothing
        self._tally = TallyOps()
        self._first: set[int] = set()
        others = product(*(space.dimensions[name] for name in self._family.others))
        self.configurations = tuple(map(self._described, others))
        self._costs = self._solved(progress)

    def tables(self, configuration: Configuration, accelerators: Sequence[int]) -> Tables:
        """Return the costs of a configuration on some accelerators."""
        frame = self._total(configuration.frame, accelerators)
        stages: list[Figures] = []
        for depths, blocks in zip(self.stages, configuration.blocks, strict=True):
            # Most blocks of a stage repeat the one before the last: of 18 there are three that differ.
            keys = [tuple(block.items()) for block in blocks]
            totals = {
                key: self._total(block, accelerators) for key, block in dict(zip(keys, blocks, strict=True)).items()
            }
            each = [np.zeros(frame.shape), *(totals[key] for key in keys)]
            stages.append(np.stack(each, axis=-1).cumsum(axis=-1)[..., depths])
        return Tables(frame[..., None], tuple(stages))

    def network(self, configuration: Configuration, entries: Sequence[int]) -> tuple[NetworkSpec, int]:
        """Return the network with these entries of the stages, and its input size."""
        depth = [depths[entry] for depths, entry in zip(self.stages, entries, strict=True)]
        return self.space.network(depth[: len(self._family.stages)], configuration.values)

    def _described(self, values: tuple[Value, ...]) -> Configuration | None:
        deepest = tuple(map(max, self.stages))
        spec, size = self.space.network(deepest[: len(self._family.stages)], values)
        self._tally.begin()
        try:
            self._family.builder(self._tally, self._tally.input(size, size, 3), self.space.classes, spec)
        except SqnxtError:
            return None
        blocks = self._tally.uses_by_block()
        self._first.add(next(row for row in self._tally.uses() if self._tally.rows[row].macs))
        return Configuration(
            values=values,
            frame=blocks[NO_BLOCK],
            blocks=tuple(
                tuple(blocks[stage, block] for block in range(1, depth + 1)) for stage, depth in enumerate(deepest, 1)
            ),
        )

    def _solved(self, progress: Progress) -> Figures:
        """Return the costs of the distinct layers, float64 [layers, accelerators, figures]."""
        rows, accelerators = self._tally.rows, self.space.accelerators
        task = f"costing the {len(rows):,} distinct layers of {self.space.name}"

        def report(done: int) -> None:
            if done % _PROGRESS_EVERY == 0 or done == len(rows):
                progress(task, done, len(rows))

        solved = layer_table(
            [row_layer(row) for row in rows],
            accelerators,
            network_inputs=self._first,
            sparsity=self.space.sparsity,
            precision=self.space.precision,
            progress=report,
        )
        costs = np.empty((len(rows), len(accelerators), len(FIGURES)))
        costs[..., : len(LAYER_FIGURES)] = solved.transpose(0, 2, 1)
        costs[..., -2] = np.array([row.params for row in rows])[:, None]
        costs[..., -1] = np.array([row.macs for row in rows])[:, None]
        return costs

    def _total(self, uses: Counter[int], accelerators: Sequence[int]) -> Figures:
        """Return the cost of some layers, float64 [accelerators, figures]; summed in one order wherever it is asked."""
        total = np.zeros((len(accelerators), len(FIGURES)))
        for row, times in uses.items():
            total += times * self._costs[row, accelerators]
        return total


def depth_sums(frame: Figures, stages: Sequence[Figures]) -> Figures:
    """Return the frame plus one entry of each stage for every combination, the last stage varying fastest.

    All arrays have the entries on their last axis. Every search sums in this order, and so to the same last bit.
    """
    total = frame
    for entries in stages:
        total = (total[..., :, None] + entries[..., None, :]).reshape(*entries.shape[:-1], -1)
    return total


def depth_choices(space: Space) -> list[tuple[int, tuple[Value, ...]]]:
    """Return the place, in the order of `depth_sums`, and the depths of each combination that the space allows."""
    stages = [space.dimensions[stage] for stage in FAMILIES[space.family].stages]
    if not space.total_blocks:
        return list(enumerate(product(*stages)))
    totals = reduce(np.add.outer, (np.array(depths) for depths in stages))
    allowed = np.flatnonzero(np.isin(totals, space.total_blocks))
    entries = zip(*(each.tolist() for each in np.unravel_index(allowed, totals.shape)), strict=True)
    depths = (tuple(stage[entry] for stage, entry in zip(stages, chosen, strict=True)) for chosen in entries)
    return list(zip(allowed.tolist(), depths, strict=True))

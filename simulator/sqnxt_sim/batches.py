"""Accelerators that are costed at once, and the search that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow, EnergyTable
from sqnxt_sim.machine.accelerator_vectors import kind, stacked
from sqnxt_sim.machine.array_search import ArraySearch
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.best_tiles import FIGURES, fastest, figures
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.layer_costs import vector_cost
from sqnxt_sim.machine.tile_fronts import FrontSearch
from sqnxt_sim.workload import ConvLayer, OffArrayNode

_PE_ARRAY = attrgetter("array.rows", "array.cols", "array.partial_sums_per_pe")
_MANY = 32  # accelerators of one PE array for which a front is faster
_FEW = 16  # accelerators that are faster one by one
_MOST_AT_ONCE = 1024  # accelerators of one batch


class Batch(NamedTuple):
    """Accelerators that are costed at once, by their places; without a search, they differ in energies only."""

    indices: list[int]
    search: type[ArraySearch | FrontSearch] | None


def batches(accelerators: Sequence[Accelerator]) -> Iterator[Batch]:
    """Yield all accelerators, together with those that share the most with them."""
    alone = [index for index, one in enumerate(accelerators) if not one.is_plain]
    plain = [index for index, one in enumerate(accelerators) if one.is_plain]
    for alike in _grouped(plain, lambda index: kind(accelerators[index])):
        mixed: list[int] = []
        for indices in _grouped(alike, lambda index: _PE_ARRAY(accelerators[index])):
            if len(indices) > _MANY:
                yield Batch(indices, FrontSearch)
            else:
                mixed += indices
        for begin in range(0, len(mixed), _MOST_AT_ONCE):
            indices = mixed[begin : begin + _MOST_AT_ONCE]
            if len(indices) > _FEW:
                yield Batch(indices, ArraySearch)
            else:
                alone += indices
    for indices in _grouped(alone, lambda index: unit_energies(accelerators[index])):
        yield Batch(indices, None)


class BatchSearch:
    """The search of a batch of plain accelerators; its figures are `best_tiles.FIGURES`, for one image.

    Attributes:
        count: Number of accelerators.
    """

    def __init__(
        self,
        group: Sequence[Accelerator],
        search: type[ArraySearch | FrontSearch],
        dataflows: Sequence[Dataflow] = TILED,
    ) -> None:
        self.count = len(group)
        self._machines, self._dataflows = stacked(group), dataflows
        self._search = search(self._machines, self.count)

    def layer(self, layer: ConvLayer) -> Array:
        """Return the figures of a layer whose bits are known, float64 [figures, accelerators]; NaN where none fits.

        Raises:
            SimulatorError: The layer has too many tilings to search.
        """
        try:
            tiles = self._search.best(layer)
        except SimulatorError as error:
            raise error.about(f"layer {layer.name!r}") from error
        return fastest(layer, tiles, self._machines, self._dataflows)

    def operator(self, node: OffArrayNode) -> Array:
        """Return the figures of an operator on the vector unit; 0 without a unit, or without known work."""
        cost = vector_cost(node, self._machines)
        if cost is None:
            return np.zeros((len(FIGURES), self.count))
        words = cost.dram_bytes * 8 / self._machines.array.word_bits
        return figures(self.count, cost.cycles, cost.energy, words)


def _grouped(indices: Iterable[int], key: Callable[[int], object]) -> Iterator[list[int]]:
    """Yield the indices in groups of one key, in the order of their first members."""
    groups: dict[object, list[int]] = {}
    for index in indices:
        groups.setdefault(key(index), []).append(index)
    yield from groups.values()


def unit_energies(accelerator: Accelerator) -> Accelerator:
    """Return the accelerator with energies of 1: its energies count what each part does. No search looks at them."""
    unit = accelerator.vector and replace(accelerator.vector, operation_energy=1.0)
    return replace(accelerator, energy=EnergyTable(mac=1, register_file=1, buffer=1, dram=1), vector=unit)

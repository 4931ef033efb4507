"""Totals of one network on many accelerators, which are searched together.

Accelerators with one PE array have the same tilings, array cycles and DRAM words (`machine.tile_fronts`). The tilings
of different PE arrays stand in one vector (`machine.array_search`). All the rest is arithmetic on vectors with one
value for each accelerator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from math import isnan

import numpy as np

from sqnxt_sim.batches import BatchSearch, batches, unit_energies
from sqnxt_sim.errors import NoRoomError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.best_tiles import FIGURES
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.tiling_cost import Energy
from sqnxt_sim.simulator import (
    LayerProblem,
    assumed_layer,
    check_assumptions,
    only_dataflow,
    simulate_workload,
)
from sqnxt_sim.workload import OffArrayNode, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTotals:
    """Totals of a network on one accelerator, as in its `NetworkReport`. Energies are in MACs of native width."""

    accelerator: Accelerator
    cycles: float
    energy: Energy
    macs: int
    dram_bytes: float

    @property
    def time_ms(self) -> float:
        """Time in milliseconds at the array's clock."""
        return self.cycles / self.accelerator.array.clock_hz * 1e3


def simulate_many(
    workload: Workload,
    accelerators: Sequence[Accelerator],
    *,
    dataflow: Dataflow | str = "best",
    sparsity: float | None = None,
    precision: str | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[NetworkTotals | None]:
    """Return the totals of a network on each accelerator; None where no tiling of a layer fits the buffer.

    The totals are those of `simulate_workload`. A thousand PE arrays, or thousands of accelerators with one PE array,
    take a second, if they have the two dataflows of the SqueezeNext paper and nothing that differs by operand. Others
    share a simulation only where nothing but energies differs.

    Args:
        workload: The network.
        accelerators: The hardware.
        dataflow: As for `simulate_workload`.
        sparsity: As for `simulate_workload`.
        precision: As for `simulate_workload`.
        progress: Called with the number of accelerators that are done.

    Raises:
        SimulatorError: An assumption makes no sense, or a layer has too many tilings to search.
    """
    check_assumptions(sparsity, precision)
    only = {only_dataflow(dataflow, one) for one in accelerators}
    dataflows = [one for one in TILED if only & {None, one}]
    found: list[NetworkTotals | None] = [None] * len(accelerators)
    distinct = cache(partial(_distinct_layers, workload, sparsity, precision))
    done = 0
    for batch in batches(accelerators):
        group = [accelerators[index] for index in batch.indices]
        if batch.search is None:
            counts = _one_total(workload, unit_energies(group[0]), dataflow, sparsity, precision)
            totals = [counts and _priced(counts, accelerator) for accelerator in group]
        else:
            layers = distinct(group[0].array.word_bits)
            search = BatchSearch(group, batch.search, dataflows)
            totals = list(_totals(workload, group, _figures(workload, layers, search)))
        for index, one in zip(batch.indices, totals, strict=True):
            found[index] = one
        done += len(group)
        progress(done)
    return found


def _one_total(
    workload: Workload,
    accelerator: Accelerator,
    dataflow: Dataflow | str,
    sparsity: float | None,
    precision: str | None,
) -> NetworkTotals | None:
    """Return the totals of a simulation of its own; None if a layer does not fit."""
    try:
        report = simulate_workload(workload, accelerator, dataflow=dataflow, sparsity=sparsity, precision=precision)
    except NoRoomError:
        return None
    return NetworkTotals(
        accelerator=accelerator,
        cycles=report.cycles,
        energy=report.energy,
        macs=report.macs,
        dram_bytes=report.dram_bytes,
    )


def _priced(counts: NetworkTotals, accelerator: Accelerator) -> NetworkTotals:
    """Return the totals of an accelerator from those of its `unit_energies`."""
    table, unit, counted = accelerator.energy, accelerator.vector, counts.energy
    energy = Energy(
        mac=table.mac * counted.mac,
        register_file=table.register_file * counted.register_file,
        buffer=table.buffer * counted.buffer,
        dram=table.dram * counted.dram,
        vector=0.0 if unit is None else unit.operation_energy * counted.vector,
    )
    return replace(counts, accelerator=accelerator, energy=energy)


def _distinct_layers(
    workload: Workload, sparsity: float | None, precision: str | None, word_bits: int
) -> Counter[LayerProblem]:
    """Return the layers that differ in more than their names, each with the number of images that it costs."""
    layers: Counter[LayerProblem] = Counter()
    for layer in workload.conv_layers:
        layers[LayerProblem(assumed_layer(layer, word_bits, sparsity, precision))] += layer.batch
    return layers


def _figures(workload: Workload, layers: Counter[LayerProblem], search: BatchSearch) -> Array:
    """Return the network's figures, as of `best_tiles.FIGURES`, on the accelerators of a batch."""
    total: Array = np.zeros((len(FIGURES), search.count))
    for problem, images in layers.items():
        total += images * search.layer(problem.layer)
    for node in workload.layers:
        if isinstance(node, OffArrayNode):
            total += search.operator(node)
    return total


def _totals(workload: Workload, group: Sequence[Accelerator], figures: Array) -> Iterator[NetworkTotals | None]:
    macs = sum(layer.macs for layer in workload.conv_layers)
    for accelerator, row in zip(group, figures.T.tolist(), strict=True):
        cycles, *energies, words = row
        yield (
            None
            if isnan(cycles)
            else NetworkTotals(
                accelerator=accelerator,
                cycles=cycles,
                energy=Energy(**dict(zip(Energy.__slots__, energies, strict=True))),
                macs=macs,
                dram_bytes=words * accelerator.array.word_bits / 8,
            )
        )

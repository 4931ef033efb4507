"""Totals of one network on many accelerators, which share what their searches have in common.

Accelerators with one PE array have the same tilings, array cycles and DRAM words. So each layer is searched once for
all of them (`machine.tile_fronts`), and the rest is arithmetic on vectors with one value for each accelerator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from math import isinf
from typing import Self

import numpy as np

from sqnxt_sim.errors import NoRoomError, SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow, EnergyTable
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.dataflow_search import costs_by_time
from sqnxt_sim.machine.dataflows import TILED
from sqnxt_sim.machine.layer_costs import vector_cost
from sqnxt_sim.machine.machine_vectors import MachineVectors, layer_figures, vector_figures
from sqnxt_sim.machine.tile_fronts import layer_fronts
from sqnxt_sim.machine.tiling import tiling_space
from sqnxt_sim.machine.tiling_cost import Energy
from sqnxt_sim.simulator import (
    LayerProblem,
    assumed_layer,
    check_assumptions,
    only_dataflow,
    simulate_workload,
)
from sqnxt_sim.workload import ConvLayer, OffArrayNode, Workload

_LARGEST_BUFFER = 2**48  # bytes; every tiling fits it


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

    The totals are those of `simulate_workload`. Thousands of accelerators with one PE array take a second, if they have
    the two dataflows of the SqueezeNext paper and nothing that differs by operand. Others share a simulation only where
    nothing but energies differs.

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
    for indices in groups_of(accelerators):
        group = [accelerators[index] for index in indices]
        layers = distinct(group[0].array.word_bits)
        if not group[0].is_plain:
            counts = _one_total(workload, _unit_energies(group[0]), dataflow, sparsity, precision)
            totals = [counts and _priced(counts, accelerator) for accelerator in group]
        elif len(group) == 1:
            totals = [_plain_total(workload, layers, group[0], dataflows)]
        else:
            totals = list(_totals(workload, group, _figures(workload, layers, group, dataflows)))
        for index, one in zip(indices, totals, strict=True):
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


def _plain_total(
    workload: Workload, layers: Counter[LayerProblem], accelerator: Accelerator, dataflows: Sequence[Dataflow]
) -> NetworkTotals | None:
    """Return the totals on a plain accelerator that shares its PE array with none; None if a layer does not fit."""
    costs: list[tuple[float, Energy, float]] = []
    for problem, images in layers.items():
        try:
            by_time = costs_by_time(problem.layer, accelerator)
        except NoRoomError:
            return None
        best = next(cost for cost in by_time if cost.dataflow in dataflows)
        dram_bytes = images * best.dram_words * accelerator.array.word_bits / 8
        costs.append((images * best.cycles.total, best.energy.times(images), dram_bytes))
    for node in workload.layers:
        if isinstance(node, OffArrayNode) and (cost := vector_cost(node, accelerator)) is not None:
            costs.append((cost.cycles, cost.energy, cost.dram_bytes))
    return NetworkTotals(
        accelerator=accelerator,
        cycles=sum(cycles for cycles, _, _ in costs),
        energy=Energy(**{part: sum(getattr(energy, part) for _, energy, _ in costs) for part in Energy.__slots__}),
        macs=sum(layer.macs for layer in workload.conv_layers),
        dram_bytes=sum(dram_bytes for _, _, dram_bytes in costs),
    )


def groups_of(accelerators: Sequence[Accelerator]) -> Iterator[list[int]]:
    """Yield the indices of accelerators that share a search, in the order of their first members."""
    groups: dict[object, list[int]] = {}
    for index, accelerator in enumerate(accelerators):
        groups.setdefault(_shared(accelerator), []).append(index)
    yield from groups.values()


def _shared(accelerator: Accelerator) -> object:
    """Return what a layer's tilings, their array cycles and their DRAM words depend on, and which units there are.

    An accelerator that is not plain shares its simulation with those that differ in energies only.
    """
    if not accelerator.is_plain:
        return _unit_energies(accelerator)
    indices = accelerator.dram.weight_index_bits, accelerator.dram.weight_stationary_index_bits
    return replace(accelerator.array, clock_hz=1.0), indices, accelerator.vector is None


def _unit_energies(accelerator: Accelerator) -> Accelerator:
    """Return the accelerator with energies of 1: its energies count what each part does. No search looks at them."""
    unit = accelerator.vector and replace(accelerator.vector, operation_energy=1.0)
    return replace(accelerator, energy=EnergyTable(mac=1, register_file=1, buffer=1, dram=1), vector=unit)


def _priced(counts: NetworkTotals, accelerator: Accelerator) -> NetworkTotals:
    """Return the totals of an accelerator from those of its `_unit_energies`."""
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


def _figures(
    workload: Workload, layers: Counter[LayerProblem], group: Sequence[Accelerator], dataflows: Sequence[Dataflow]
) -> Array:
    """Return the network's figures, as of `layer_figures`, on accelerators with one PE array."""
    search = GroupSearch.of(group, dataflows)
    total: Array = np.zeros((6, len(group)))
    for problem, images in layers.items():
        total += images * search.layer(problem.layer)
    for node in workload.layers:
        if isinstance(node, OffArrayNode):
            total += search.operator(node)
    return total


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSearch:
    """The search of plain accelerators with one PE array; its figures are those of `layer_figures`, for one image."""

    machines: MachineVectors
    roomy: Accelerator
    dataflows: Sequence[Dataflow]

    @classmethod
    def of(cls, group: Sequence[Accelerator], dataflows: Sequence[Dataflow] = TILED) -> Self:
        """Return the search of accelerators that share one (see `groups_of`)."""
        # Every tiling is a candidate: each accelerator has a buffer of its own.
        roomy = replace(group[0], buffer=replace(group[0].buffer, bytes=_LARGEST_BUFFER, capacity_divisor=1))
        return cls(machines=MachineVectors.of(group), roomy=roomy, dataflows=dataflows)

    def layer(self, layer: ConvLayer) -> Array:
        """Return the figures of a layer whose bits are known, float64 [figures, accelerators].

        Raises:
            SimulatorError: The layer has too many tilings to search.
        """
        try:
            space = tiling_space(layer, self.roomy)
            fronts = layer_fronts(layer, space, self.roomy, self.machines.conditions)
        except SimulatorError as error:
            raise error.about(f"layer {layer.name!r}") from error
        costs = [layer_figures(fronts[dataflow], self.machines) for dataflow in self.dataflows]
        first, other = costs[0], costs[-1]
        return np.where(other[0] < first[0], other, first)

    def operator(self, node: OffArrayNode) -> Array:
        """Return the figures of an operator on the vector unit; 0 without a unit, or without known work."""
        if self.machines.operations_per_cycle is None or node.work is None:
            return np.zeros((6, self.machines.latency.size))
        return vector_figures(node.work, self.machines)


def _totals(workload: Workload, group: Sequence[Accelerator], figures: Array) -> Iterator[NetworkTotals | None]:
    macs = sum(layer.macs for layer in workload.conv_layers)
    for accelerator, row in zip(group, figures.T.tolist(), strict=True):
        cycles, mac, register_file, buffer, dram, vector = row
        if isinf(cycles):
            yield None
            continue
        counts = NetworkTotals(
            accelerator=accelerator,
            cycles=cycles,
            energy=Energy(mac=mac, register_file=register_file, buffer=buffer, dram=dram, vector=vector),
            macs=macs,
            dram_bytes=dram * accelerator.array.word_bits / 8,
        )
        yield _priced(counts, accelerator)

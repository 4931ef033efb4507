"""Exhaustive search for the best tiling of a layer under each dataflow, and its cost."""

from __future__ import annotations

import numpy as np

from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.axes import Array
from sqnxt_sim.machine.dataflows import Dataflow, array_cycles, buffer_words, executed_macs, register_file_accesses
from sqnxt_sim.machine.tiling import TilingSpace, word_scale
from sqnxt_sim.machine.tiling_cost import Cycles, Energy, TilingCost
from sqnxt_sim.workload import ConvLayer


def best_tilings(layer: ConvLayer, space: TilingSpace, accelerator: Accelerator) -> dict[Dataflow, TilingCost]:
    """Return for each dataflow the tiling of least cycles plus lambda * DRAM words; ties go to fewer DRAM words."""
    hidden, exposed = _transfer_cycles(space, accelerator)
    # The part of the objective in which array and DRAM do not overlap is the same for both dataflows.
    fixed = exposed + accelerator.search.cycles_per_dram_word * space.dram_words
    fixed[~space.fits] = np.inf
    costs = {}
    for dataflow in Dataflow:
        on_array = array_cycles(dataflow, layer, space, accelerator.array)
        best = _argmin(np.maximum(on_array, hidden) + fixed, space.dram_words)
        latency = accelerator.dram.latency_cycles * (_at(space.rounds, best) - 1)
        cycles = Cycles(
            array=_at(on_array, best),
            dram_bandwidth=_at(hidden, best) - latency,
            dram_latency=latency,
            fill_drain=_at(exposed, best),
            overhead=accelerator.array.layer_overhead_cycles,
        )
        costs[dataflow] = _cost(dataflow, layer, space, best, cycles, accelerator)
    return costs


def _transfer_cycles(space: TilingSpace, accelerator: Accelerator) -> tuple[Array, Array]:
    """Return the DRAM cycles of every tiling: those that overlap with the array, then first load and last store."""
    per_cycle, latency = accelerator.dram_words_per_cycle, accelerator.dram.latency_cycles
    tile_cycles = space.transfer_words / per_cycle
    hidden = space.dram_words / per_cycle - tile_cycles + latency * (space.rounds - 1)
    return hidden, tile_cycles + latency


def _argmin(cost: Array, dram_words: Array) -> tuple[int, ...]:
    """Return the index of the least cost; among costs that are equal up to rounding, of the fewest DRAM words."""
    ties = np.flatnonzero(cost <= cost.min() * (1 + 1e-12))
    if len(ties) == 1:
        return tuple(map(int, np.unravel_index(ties[0], cost.shape)))
    words = np.broadcast_to(dram_words, cost.shape).flat[ties]
    return tuple(int(i) for i in np.unravel_index(ties[np.argmin(words)], cost.shape))


def _at(values: Array, index: tuple[int, ...]) -> float:
    """Return the value of a broadcastable array at an index of the grid."""
    return float(values[tuple(min(i, size - 1) for i, size in zip(index, values.shape, strict=True))])


def _cost(
    dataflow: Dataflow,
    layer: ConvLayer,
    space: TilingSpace,
    best: tuple[int, ...],
    cycles: Cycles,
    accelerator: Accelerator,
) -> TilingCost:
    """Return the cost of one tiling for one image; words to and from DRAM cross the buffer too."""
    table, scale = accelerator.energy, word_scale(layer, accelerator)
    macs = executed_macs(dataflow, layer)
    dram_words = _at(space.dram_words, best)
    on_chip_words = float(buffer_words(dataflow, layer, space.blocks_at(best), accelerator.array, scale))
    energy = Energy(
        mac=table.mac * macs * scale.activation * scale.weight,
        register_file=table.register_file * register_file_accesses(dataflow, layer),
        buffer=table.buffer * (on_chip_words + dram_words),
        dram=table.dram * dram_words,
    )
    return TilingCost(
        dataflow=dataflow,
        tiling=space.tiling(best),
        cycles=cycles,
        energy=energy,
        executed_macs=macs,
        dram_words=dram_words,
        buffer_words=_at(space.tile_words, best),
    )

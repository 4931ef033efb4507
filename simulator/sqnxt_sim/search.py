"""The best tiling of a layer under each dataflow, by exhaustive search, and what it costs."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sqnxt_sim.accelerator import Accelerator
from sqnxt_sim.axes import Array
from sqnxt_sim.dataflows import Dataflow, array_cycles, buffer_words, executed_macs, register_file_accesses
from sqnxt_sim.layers import ConvLayer
from sqnxt_sim.tiling import Tiling, TilingSpace, word_scale


class Bound(StrEnum):
    """What takes the largest part of a layer's time."""

    ARRAY = "array"
    DRAM_BANDWIDTH = "dram_bandwidth"
    DRAM_LATENCY = "dram_latency"
    FILL_DRAIN = "fill_drain"
    OVERHEAD = "overhead"
    VECTOR_UNIT = "vector_unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy by where it goes, in MACs of native width."""

    mac: float
    register_file: float
    buffer: float
    dram: float
    vector: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.mac + self.register_file + self.buffer + self.dram + self.vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """One image's time by what takes it: `fill_drain + max(array, dram_bandwidth + dram_latency) + overhead`.

    `fill_drain` is the first load and the last store, which nothing hides.
    """

    array: float
    dram_bandwidth: float
    dram_latency: float
    fill_drain: float
    overhead: float

    @property
    def total(self) -> float:
        """Cycles from the first load to the last store."""
        return self.fill_drain + max(self.array, self.dram_bandwidth + self.dram_latency) + self.overhead

    @property
    def bound_by(self) -> Bound:
        """The largest part; of array and DRAM, which overlap, only the longer one counts."""
        parts = {Bound.FILL_DRAIN: self.fill_drain, Bound.OVERHEAD: self.overhead}
        if self.array >= self.dram_bandwidth + self.dram_latency:
            parts[Bound.ARRAY] = self.array
        elif self.dram_bandwidth >= self.dram_latency:
            parts[Bound.DRAM_BANDWIDTH] = self.dram_bandwidth
        else:
            parts[Bound.DRAM_LATENCY] = self.dram_latency
        return max(parts, key=lambda bound: parts[bound])


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingCost:
    """A dataflow at its best tiling: cost of one image. Words are native words; `buffer_words` those of one tile."""

    dataflow: Dataflow
    tiling: Tiling
    cycles: Cycles
    energy: Energy
    executed_macs: float
    dram_words: float
    buffer_words: float


def best_tilings(layer: ConvLayer, space: TilingSpace, accelerator: Accelerator) -> dict[Dataflow, TilingCost]:
    """For each dataflow the tiling of least time plus priced DRAM words; ties take the fewest DRAM words."""
    hidden, exposed = _transfer_cycles(space, accelerator)
    # What a tiling costs beside the part in which array and DRAM overlap, the same for both dataflows.
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
    """DRAM cycles of every tiling: those that overlap with the array, and first load and last store, which don't."""
    per_cycle, latency = accelerator.dram_words_per_cycle, accelerator.dram.latency_cycles
    tile_cycles = space.transfer_words / per_cycle
    hidden = space.dram_words / per_cycle - tile_cycles + latency * (space.rounds - 1)
    return hidden, tile_cycles + latency


def _argmin(cost: Array, dram_words: Array) -> tuple[int, ...]:
    """Place of the least cost, and among equals of the fewest DRAM words; equal means to rounding."""
    ties = np.flatnonzero(cost <= cost.min() * (1 + 1e-12))
    if len(ties) == 1:
        return tuple(map(int, np.unravel_index(ties[0], cost.shape)))
    words = np.broadcast_to(dram_words, cost.shape).flat[ties]
    return tuple(int(i) for i in np.unravel_index(ties[np.argmin(words)], cost.shape))


def _at(values: Array, index: tuple[int, ...]) -> float:
    """The value of a broadcastable array at a place of the grid."""
    return float(values[tuple(min(i, size - 1) for i, size in zip(index, values.shape, strict=True))])


def _cost(
    dataflow: Dataflow,
    layer: ConvLayer,
    space: TilingSpace,
    best: tuple[int, ...],
    cycles: Cycles,
    accelerator: Accelerator,
) -> TilingCost:
    """Everything about one tiling of one image; what DRAM moves crosses the buffer too."""
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

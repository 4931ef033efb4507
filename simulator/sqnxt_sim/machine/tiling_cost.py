"""The cost of one tiling: cycles and energy, by component."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqnxt_sim.machine.dataflows import Dataflow
from sqnxt_sim.machine.tiling import Tiling


class Bound(StrEnum):
    """The component that takes the largest part of a layer's time."""

    ARRAY = "array"
    DRAM_BANDWIDTH = "dram_bandwidth"
    DRAM_LATENCY = "dram_latency"
    FILL_DRAIN = "fill_drain"
    OVERHEAD = "overhead"
    VECTOR_UNIT = "vector_unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy by component, in MACs of native width."""

    mac: float
    register_file: float
    buffer: float
    dram: float
    vector: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the components."""
        return self.mac + self.register_file + self.buffer + self.dram + self.vector

    def times(self, images: int) -> Energy:
        """Return the energy of several images that cost this much each."""
        return Energy(
            mac=images * self.mac,
            register_file=images * self.register_file,
            buffer=images * self.buffer,
            dram=images * self.dram,
            vector=images * self.vector,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """Cycles of one image by component.

    The total is `fill_drain + max(array, dram_bandwidth + dram_latency) + overhead`, because array and DRAM overlap.
    `fill_drain` is the first load and the last store, which overlap with nothing.
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
        """The largest component; of array and DRAM, which overlap, only the longer one counts."""
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
    """Cost of one image under one dataflow at one tiling, in native words; `buffer_words` are those of one tile."""

    dataflow: Dataflow
    tiling: Tiling
    cycles: Cycles
    energy: Energy
    executed_macs: float
    dram_words: float
    buffer_words: float

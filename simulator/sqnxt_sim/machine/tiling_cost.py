"""The cost of one tiling: cycles and energy, by component."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from sqnxt_sim.machine.accelerator import Dataflow
from sqnxt_sim.machine.tiling import Tiling


def larger(one: Any, other: Any) -> Any:
    """Return the larger one of two numbers, or of each pair if one of them is an array."""
    return (
        max(one, other) if isinstance(one, float | int) and isinstance(other, float | int) else np.maximum(one, other)
    )


class Bound(StrEnum):
    """The component that takes the largest part of a layer's time."""

    ARRAY = "array"
    DRAM_BANDWIDTH = "dram_bandwidth"
    DRAM_LATENCY = "dram_latency"
    FILL_DRAIN = "fill_drain"
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

    The total is `fill_drain + max(array - last_tile, dram_bandwidth + dram_latency) + last_tile`, because array and
    DRAM overlap until no transfer is left.

    Attributes:
        array: All work of the array, with the fill and drain of every round.
        dram_bandwidth: Transfers that overlap with the array.
        dram_latency: DRAM latency of every round but the first.
        fill_drain: The first load and the last store of the buffer with their latencies; they overlap with nothing.
        last_tile: The part of `array` that works on the last tile; it overlaps with nothing either.
        array_fill_drain: The part of `array` in which rounds fill and drain the array.
    """

    array: float
    dram_bandwidth: float
    dram_latency: float
    fill_drain: float
    last_tile: float
    array_fill_drain: float

    @property
    def overlapping_array(self) -> float:
        """Work of the array on all tiles but the last, which overlaps with transfers."""
        return self.array - self.last_tile

    @property
    def waits_for_dram(self) -> bool:
        """True if the transfers that overlap with the array take longer than its work."""
        return self.dram_bandwidth + self.dram_latency > self.overlapping_array

    @property
    def total(self) -> float:
        """Cycles from the first load to the last store."""
        overlapping: float = larger(self.overlapping_array, self.dram_bandwidth + self.dram_latency)
        return self.fill_drain + overlapping + self.last_tile

    @property
    def bound_by(self) -> Bound:
        """The largest component; of array and DRAM, only the longer one counts while they overlap."""
        parts = {Bound.ARRAY: self.array, Bound.FILL_DRAIN: self.fill_drain}
        if self.waits_for_dram:
            parts[Bound.ARRAY] = self.last_tile
            longer = Bound.DRAM_BANDWIDTH if self.dram_bandwidth >= self.dram_latency else Bound.DRAM_LATENCY
            parts[longer] = max(self.dram_bandwidth, self.dram_latency)
        return max(parts, key=lambda bound: parts[bound])


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMapping:
    """A mapping in row stationary, in the letters of the Eyeriss paper.

    A pass takes n images, e rows of the output, q·r input channels and p·t filters through the array. `f` is not in the
    paper: a map too wide for the buffer is cut.

    Attributes:
        m: Output channels whose partial sums the buffer holds.
        n: Images of a pass.
        e: Output rows of a pass.
        f: Output columns of a pass.
        p: Filters that a PE works on.
        q: Input channels that a PE works on.
        r: PE sets with different input channels.
        t: PE sets with different filters.
    """

    m: int
    n: int
    e: int
    f: int
    p: int
    q: int
    r: int
    t: int


def overlapped_cycles(on_array: float, transfer: float, filling: float = 0.0) -> Cycles:
    """Return the cycles of a layer whose transfers all overlap with its work or with that of its neighbours."""
    return Cycles(
        array=on_array,
        dram_bandwidth=transfer,
        dram_latency=0.0,
        fill_drain=0.0,
        last_tile=0.0,
        array_fill_drain=filling,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingCost:
    """Cost of one image under one dataflow at one tiling, in native words; `buffer_words` are those of one tile.

    `mapping` says how a tile lies on the array in row stationary.
    """

    dataflow: Dataflow
    tiling: Tiling
    cycles: Cycles
    energy: Energy
    executed_macs: float
    dram_words: float
    buffer_words: float
    mapping: RowMapping | None = None

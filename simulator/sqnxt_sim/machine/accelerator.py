"""The hardware as data: a PE array, a global buffer, a DRAM, and the energy of each; see `presets/` for examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil
from operator import attrgetter
from typing import Any, NoReturn

import numpy as np

from sqnxt_sim.machine.on_chip import GlobalBuffer, OutputBlocks, Scratchpad, VectorUnit
from sqnxt_sim.shown import Shown


class Dataflow(StrEnum):
    """What stays in the processing elements. An accelerator runs those that it declares, by default the first two."""

    WEIGHT_STATIONARY = "weight_stationary"
    OUTPUT_STATIONARY = "output_stationary"
    ROW_STATIONARY = "row_stationary"
    """A row of a filter in each PE, as in Eyeriss (`row_stationary`)."""
    OUTPUT_BLOCK = "output_block"
    """A block of outputs of several channels in accumulators, as in Ethos-U (`output_block`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PEArray:
    """A rows x cols grid of processing elements (PEs).

    A PE does one MAC a cycle, whatever the width of the operands, unless `multiplier_bits` is given.

    Attributes:
        rows: Rows of the grid.
        cols: Columns of the grid.
        word_bits: Native width of operands, and of every word in buffer and DRAM.
        partial_sums_per_pe: Register file entries of a PE that hold partial sums in output stationary.
        clock_hz: Clock of the array.
        multiplier_bits: Width of a multiplier. Wider operands then take several cycles.
        multipliers_per_pe: Number of multipliers of that width in a PE. Narrow operands then share a PE.
        systolic: In weight stationary, a row of PEs holds any tap of any input channel, and each block of weights
            loads, fills and drains the array before the next one, as SCALE-Sim counts.
    """

    rows: int
    cols: int
    word_bits: int
    partial_sums_per_pe: int
    clock_hz: float
    multiplier_bits: int | None = None
    multipliers_per_pe: int = 1
    systolic: bool = False

    def cycles_per_mac(self, activation_bits: int, weight_bits: int) -> float:
        """Return the cycles of one MAC on a PE; below 1 if a PE does several in a cycle.

        With 8-bit multipliers, 16-bit activations times 8-bit weights are two products, hence two cycles. With four
        such multipliers in a PE, the same MAC takes half a cycle.
        """
        if self.multiplier_bits is None:
            return 1.0
        pieces = ceil(activation_bits / self.multiplier_bits) * ceil(weight_bits / self.multiplier_bits)
        return pieces / self.multipliers_per_pe

    @property
    def size(self) -> int:
        """Number of PEs."""
        return self.rows * self.cols


@dataclass(frozen=True, slots=True, kw_only=True)
class Dram:
    """Off-chip memory as two numbers, latency and effective bandwidth, as in the paper.

    `weight_stationary_index_bits` is for layers that run weight stationary, `weight_index_bits` for the others. Where
    it is given, weights are compressed in DRAM: each nonzero value is stored with an index of that many bits. The
    buffer still has room for all weights. `activation_index_bits` does the same for maps whose zeros are known.

    Attributes:
        weight_bytes_per_second: Bandwidth of a memory of its own that holds the weights, such as a flash.
        weight_latency_cycles: Latency of that memory.
        pipelined: Enough requests are in flight, those of the next layer among them, that only bandwidth costs time.
        input_overfetch: How many times its own bytes the network's input moves, if it has 8 channels or fewer, because
            they fill only a part of each burst; more channels fill more of it. For a buffer that `keeps_maps`, which is
            where that input differs from other maps.
    """

    bytes_per_second: float
    latency_cycles: float
    weight_index_bits: float | None = None
    weight_stationary_index_bits: float | None = None
    activation_index_bits: float | None = None
    weight_bytes_per_second: float | None = None
    weight_latency_cycles: float | None = None
    pipelined: bool = False
    input_overfetch: float = 1.0

    def stored_weight_bits(self, dataflow: Dataflow, weight_bits: int, nonzero_fraction: float) -> float:
        """Return the mean bits of a stored weight.

        With 4 index bits and half of the 8-bit weights zero, this is 0.5 * (8 + 4) = 6 bits. Weights stay dense, at 8
        bits, if the indices cost more than the zeros save.
        """
        stationary_weights = dataflow is Dataflow.WEIGHT_STATIONARY
        index_bits = self.weight_stationary_index_bits if stationary_weights else self.weight_index_bits
        if index_bits is None:
            return weight_bits
        return min(weight_bits, nonzero_fraction * (weight_bits + index_bits))

    def overfetch(self, channels: int) -> float:
        """Return how many times its bytes the network's input of so many channels moves."""
        return max(1.0, self.input_overfetch / ceil(channels / 8))

    def stored_map_bits(self, bits: int, *zeros: float | None) -> list[float]:
        """Return the mean bits of a stored activation for each fraction of zeros; dense if it is None or saves none."""
        index = self.activation_index_bits
        if index is None:
            return [bits] * len(zeros)
        return [bits if part is None else min(bits, (1 - part) * (bits + index)) for part in zeros]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyTable:
    """Energy of a MAC, and of one access to a native word of each memory, in MACs of native width.

    `mac_pj` is the energy of such a MAC in picojoules, if it is known.
    """

    mac: float
    register_file: float
    buffer: float
    dram: float
    mac_pj: float | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a number: one of `accelerator_schema.ORIGINS` or `unstated`, and a note that names the source."""

    kind: str
    note: str = ""


class OriginTable(dict[str, Origin]):
    """Read-only dictionary from "section.key" to the origin of that number.

    It is a dictionary, unlike `types.MappingProxyType`, so that `pickle`, `copy` and `dataclasses.asdict` take it.
    """

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the origins of an accelerator cannot be changed; make another with `dataclasses.replace`")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[OriginTable], tuple[dict[str, Origin]]]:
        """Copy and unpickle in one step: by default Python would fill an empty dictionary item by item."""
        return OriginTable, (dict(self),)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Accelerator(Shown):
    """A whole accelerator. `origins` maps "section.key" to the origin of that number and does not count in equality."""

    name: str
    description: str
    array: PEArray
    buffer: GlobalBuffer
    dram: Dram
    energy: EnergyTable
    vector: VectorUnit | None = None
    scratchpad: Scratchpad | None = None
    blocks: OutputBlocks | None = None
    dataflows: tuple[Dataflow, ...] = (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY)
    origins: Mapping[str, Origin] = field(default_factory=OriginTable, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", OriginTable(self.origins))

    @property
    def buffer_words(self) -> float:
        """Capacity of the global buffer in native words."""
        return self.buffer.bytes * 8 / self.array.word_bits

    def keeps(self, values: int, bits: int) -> bool:
        """Return whether a map stays in the buffer; half of it, so that a layer's input and output both find room."""
        return self.buffer.keeps_maps and 2 * values * bits / 8 <= self.buffer.bytes

    @property
    def at_network_input(self) -> Accelerator:
        """The accelerator as the first layer finds it, whose input no layer left in the buffer."""
        return replace(self, buffer=replace(self.buffer, holds_input=False)) if self.buffer.keeps_maps else self

    @property
    def numbers(self) -> dict[str, float]:
        """Every number that has an origin, by "section.key"."""
        return {key: attrgetter(key)(self) for key in self.origins}

    @property
    def peak_macs_per_cycle(self) -> float:
        """MACs per cycle with every PE busy, at native width."""
        return self.array.size / self.array.cycles_per_mac(self.array.word_bits, self.array.word_bits)

    @property
    def dram_bytes_per_cycle(self) -> float:
        """Bytes per cycle between DRAM and buffer."""
        return self.dram.bytes_per_second / self.array.clock_hz

    @property
    def dram_words_per_cycle(self) -> float:
        """Native words per cycle between DRAM and buffer."""
        return self.dram_bytes_per_cycle * 8 / self.array.word_bits

    @property
    def latency_cycles(self) -> float:
        """Latency of a transfer: that of the slower memory, if weights have one of their own."""
        maps, weights = self.dram.latency_cycles, self.dram.weight_latency_cycles
        return maps if weights is None else max(maps, weights)

    @property
    def has_limits(self) -> bool:
        """True if something differs by operand, or the array is systolic."""
        buffer = self.buffer
        parts = (buffer.input_bytes, buffer.weight_bytes, buffer.output_bytes, *buffer.words_per_cycle)
        return self.array.systolic or self.dram.weight_bytes_per_second is not None or any(parts)

    @property
    def is_plain(self) -> bool:
        """True if the array has the two tiled dataflows and nothing more than the SqueezeNext paper's."""
        dataflows = (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY)
        pools = self.vector is not None and self.vector.window_operations_per_cycle is not None
        special = self.has_limits or self.buffer.keeps_maps or self.dram.pipelined or pools
        return self.dataflows == dataflows and not special

    def transfer_cycles(self, map_words: Any, weight_words: Any) -> Any:
        """Return the cycles that DRAM takes for words of maps and of weights, numbers or arrays.

        Weights in a memory of their own move beside the maps.
        """
        if self.dram.weight_bytes_per_second is None:
            return (map_words + weight_words) / self.dram_words_per_cycle
        apart = self.dram_words_per_cycle * self.dram.weight_bytes_per_second / self.dram.bytes_per_second
        return np.maximum(map_words / self.dram_words_per_cycle, weight_words / apart)

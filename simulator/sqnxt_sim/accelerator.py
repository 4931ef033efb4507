"""The hardware: a PE array, a global buffer, a DRAM and what each costs. Data, not code: see `presets/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PEArray:
    """A rows x cols grid of processing elements, one MAC each a cycle.

    `word_bits` is the native width of operands and of every buffer and DRAM word. `partial_sums_per_pe` are the
    register file entries that hold partial sums in output stationary, the model's R. `layer_overhead_cycles` are
    spent once a layer, whatever the layer.
    """

    rows: int
    cols: int
    word_bits: int
    partial_sums_per_pe: int
    clock_hz: float
    layer_overhead_cycles: float

    @property
    def size(self) -> int:
        """Number of processing elements."""
        return self.rows * self.cols


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalBuffer:
    """The on-chip buffer between DRAM and array; a tile fits when `capacity_divisor` copies of it do."""

    bytes: int
    capacity_divisor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dram:
    """Off-chip memory as two numbers, latency and effective bandwidth, as in the paper."""

    bytes_per_second: float
    latency_cycles: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyTable:
    """Energy of one access to a native word, in MACs of native width; `mac_pj` turns that into picojoules."""

    mac: float
    register_file: float
    buffer: float
    dram: float
    mac_pj: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TileSearch:
    """How tilings are compared: by cycles plus `cycles_per_dram_word` for each DRAM word, the model's lambda."""

    cycles_per_dram_word: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """A whole accelerator. `origins` maps "section.key" to where that number comes from."""

    name: str
    description: str
    array: PEArray
    buffer: GlobalBuffer
    dram: Dram
    energy: EnergyTable
    search: TileSearch
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def buffer_words(self) -> float:
        """Native words that the global buffer holds, the model's CAP."""
        return self.buffer.bytes * 8 / self.array.word_bits

    @property
    def dram_words_per_cycle(self) -> float:
        """Native words that cross the DRAM interface in one cycle, the model's B."""
        return self.dram.bytes_per_second * 8 / self.array.word_bits / self.array.clock_hz

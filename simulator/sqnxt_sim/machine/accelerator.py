"""The hardware: a PE array, a global buffer, a DRAM and what each costs. Data, not code: see `presets/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from operator import attrgetter
from typing import NoReturn


@dataclass(frozen=True, slots=True, kw_only=True)
class PEArray:
    """A rows x cols grid of processing elements (PEs), one MAC each a cycle whatever the width of its operands.

    `word_bits` is the native width of operands and of every buffer and DRAM word. `partial_sums_per_pe` are the
    register file entries that hold partial sums in output stationary, the model's R. `layer_overhead_cycles` are
    spent once a layer, whatever the layer. Where `multiplier_bits` is given, a PE is `multipliers_per_pe` multipliers
    of that width, which wide operands take in pieces and narrow ones share.
    """

    rows: int
    cols: int
    word_bits: int
    partial_sums_per_pe: int
    clock_hz: float
    layer_overhead_cycles: float
    multiplier_bits: int | None = None
    multipliers_per_pe: int = 1

    def cycles_per_mac(self, activation_bits: int, weight_bits: int) -> float:
        """Cycles that a PE takes for one MAC; below 1 where it packs several into a cycle."""
        if self.multiplier_bits is None:
            return 1.0
        pieces = ceil(activation_bits / self.multiplier_bits) * ceil(weight_bits / self.multiplier_bits)
        return pieces / self.multipliers_per_pe

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
    """Off-chip memory as two numbers, latency and effective bandwidth, as in the paper.

    Where `weight_index_bits` is given, weights are stored compressed: nonzero values, each with an index of that many
    bits, in DRAM and on their way through the buffer, which still keeps room for all of them.
    """

    bytes_per_second: float
    latency_cycles: float
    weight_index_bits: float | None = None

    def stored_weight_bits(self, weight_bits: int, nonzero_fraction: float) -> float:
        """Mean bits of a stored weight; dense where an index would cost more than the zeros save."""
        if self.weight_index_bits is None:
            return weight_bits
        return min(weight_bits, nonzero_fraction * (weight_bits + self.weight_index_bits))


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
class VectorUnit:
    """Runs what the array does not: pooling, additions and the like; `operation_energy` in MACs of native width."""

    operations_per_cycle: float
    operation_energy: float


@dataclass(frozen=True, slots=True)
class Origin:
    """Source of a number: its kind (one of `accelerator_file.ORIGINS`), and a note that names the source."""

    kind: str
    note: str = ""


class Origins(dict[str, Origin]):
    """Read-only dictionary from "section.key" to the origin of that number.

    It is a dictionary, unlike `types.MappingProxyType`, so that `pickle`, `copy` and `dataclasses.asdict` take it.
    """

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the origins of an accelerator cannot be changed; make another with `dataclasses.replace`")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Origins], tuple[dict[str, Origin]]]:
        """Copy and unpickle in one step: by default Python would fill an empty dictionary item by item."""
        return Origins, (dict(self),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """A whole accelerator. `origins` maps "section.key" to where that number comes from; equality leaves it out."""

    name: str
    description: str
    array: PEArray
    buffer: GlobalBuffer
    dram: Dram
    energy: EnergyTable
    search: TileSearch
    vector: VectorUnit | None = None
    origins: Mapping[str, Origin] = field(default_factory=Origins, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", Origins(self.origins))

    @property
    def buffer_words(self) -> float:
        """Native words that the global buffer holds, the model's CAP."""
        return self.buffer.bytes * 8 / self.array.word_bits

    @property
    def numbers(self) -> dict[str, float]:
        """Every number that has an origin, by its "section.key"."""
        return {key: attrgetter(key)(self) for key in self.origins}

    @property
    def peak_macs_per_cycle(self) -> float:
        """MACs a cycle with every PE busy, at native width."""
        return self.array.size / self.array.cycles_per_mac(self.array.word_bits, self.array.word_bits)

    @property
    def dram_bytes_per_cycle(self) -> float:
        """Bytes that cross the DRAM interface in one cycle."""
        return self.dram.bytes_per_second / self.array.clock_hz

    @property
    def dram_words_per_cycle(self) -> float:
        """Native words that cross the DRAM interface in one cycle, the model's B."""
        return self.dram_bytes_per_cycle * 8 / self.array.word_bits

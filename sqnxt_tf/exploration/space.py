"""A space of networks and accelerators: the values of each dimension."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import NamedTuple

from sqnxt_sim import Accelerator
from sqnxt_tf.exploration.families import FAMILIES, SQUEEZENEXT, NetworkSpec, family_of
from sqnxt_tf.exploration.space_values import Value

ACCELERATOR_DIMENSIONS = ("base", "array", "buffer_kib", "gigabytes_per_second")
OBJECTIVES = {
    "cycles": "cycles of one image",
    "time_ms": "milliseconds of one image, at the array's clock",
    "energy": "energy of one image, in MACs of native width",
    "params": "weights, biases, and two numbers a batch-norm channel",
    "macs": "multiply-accumulates of one image",
    "dram_bytes": "bytes of one image between DRAM and buffer",
    "area": "area proxy, in PEs",
}
"""The figures that can be minimised or limited; with a + before its name, a figure is maximised."""
ACCURACY = "accuracy"
"""The figure of candidates that a supernet has judged, top-1 as a fraction; it is always maximised."""


def figure_of(objective: str) -> str:
    """Return the figure that an objective is about: `macs` for `+macs`."""
    return objective.removeprefix("+")


def to_minimise(objective: str, figures: Mapping[str, float]) -> float:
    """Return the value of an objective, smaller for the better: `+macs` is minus the MACs; accuracy is negative too."""
    figure = figure_of(objective)
    return -figures[figure] if objective.startswith("+") or figure == ACCURACY else figures[figure]


class Point(NamedTuple):
    """One network at one input size (pixels) on one accelerator, as an index into the space's accelerators."""

    spec: NetworkSpec
    input_size: int
    accelerator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaProxy:
    """Area in units of one 16-bit PE with its registers; quadratic in the word width, linear in the bytes of buffer.

    By default a byte of buffer has 1/430 of the area of a PE. At 45 nm a 16-bit multiplier and adder take about
    1,100 um^2, 256 bits of registers take as much again, and SRAM takes about 0.7 um^2 a bit. The proxy ranks arrays;
    it is not a floor plan.
    """

    pe: float = 1.0
    buffer_byte: float = 1 / 430

    def of(self, accelerator: Accelerator) -> float:
        """Return the proxy of an accelerator's array and buffer.

        Example: 16x16 PEs of 16 bits with 128 KiB of buffer have 256 + 131072 / 430 = 561.
        """
        array = accelerator.array
        return self.pe * array.size * (array.word_bits / 16) ** 2 + self.buffer_byte * accelerator.buffer.bytes


@dataclass(frozen=True, kw_only=True)
class Space:
    """Dimensions by name, each with its values in order. `accelerators` has one for each combination of theirs.

    `family` is the name of one of `FAMILIES`. `total_blocks` are the allowed sums of blocks in the stages; empty allows
    all. `sparsity` and `precision` are the simulator's assumptions about every layer.
    """

    name: str
    description: str
    objectives: tuple[str, ...]
    dimensions: Mapping[str, tuple[Value, ...]]
    accelerators: tuple[Accelerator, ...]
    total_blocks: tuple[int, ...] = ()
    classes: int = 1000
    sparsity: float | None = None
    precision: str | None = None
    area: AreaProxy = field(default_factory=AreaProxy)
    family: str = SQUEEZENEXT.name

    @cached_property
    def size(self) -> int:
        """The number of pairs of a network and an accelerator, counted without building them."""
        sums = Counter({0: 1})
        for stage in FAMILIES[self.family].stages:
            longer: Counter[int] = Counter()
            for total, ways in sums.items():
                for blocks in self.dimensions[stage]:
                    longer[total + int(blocks)] += ways
            sums = longer
        depths = sum(ways for total, ways in sums.items() if not self.total_blocks or total in self.total_blocks)
        others = (self.dimensions[name] for name in FAMILIES[self.family].others)
        return depths * prod(map(len, others)) * len(self.accelerators)

    @cached_property
    def areas(self) -> tuple[float, ...]:
        """The area proxy of each accelerator."""
        return tuple(map(self.area.of, self.accelerators))

    def points(self) -> Iterator[Point]:
        """Yield every pair; those of one network follow each other."""
        others = [self.dimensions[name] for name in FAMILIES[self.family].others]
        for depth in product(*(self.dimensions[stage] for stage in FAMILIES[self.family].stages)):
            if not self.allows(depth):
                continue
            for values in product(*others):
                spec, input_size = self.network(depth, values)
                for accelerator in range(len(self.accelerators)):
                    yield Point(spec, input_size, accelerator)

    def point(self, values: Mapping[str, Value]) -> Point | None:
        """Return the pair with these values of all dimensions; None if the sum of the stages is not allowed."""
        if not self.allows(tuple(values[stage] for stage in FAMILIES[self.family].stages)):
            return None
        spec, input_size = FAMILIES[self.family].make(values), int(values["input_size"])
        place = 0
        for name in ACCELERATOR_DIMENSIONS:
            if name in self.dimensions:
                place = place * len(self.dimensions[name]) + self.dimensions[name].index(values[name])
        return Point(spec, input_size, place)

    def network(self, depth: Sequence[Value], others: Sequence[Value]) -> tuple[NetworkSpec, int]:
        """Return the network and the input size with these blocks of the stages, and values of the other dimensions."""
        family = FAMILIES[self.family]
        values = dict(zip(family.dimensions, (*depth, *others), strict=True))
        return family.make(values), int(values["input_size"])

    def holds(self, spec: NetworkSpec) -> bool:
        """Return whether the space contains a network, at any input size."""
        if family_of(spec).name != self.family:
            return False
        values = FAMILIES[self.family].values(spec)
        depth = tuple(values[stage] for stage in FAMILIES[self.family].stages)
        return self.allows(depth) and all(value in self.dimensions[name] for name, value in values.items())

    def allows(self, depth: tuple[Value, ...]) -> bool:
        """Return whether the space allows the sum of these blocks."""
        return not self.total_blocks or sum(map(int, depth)) in self.total_blocks


def accelerators_of(
    dimensions: Mapping[str, tuple[Value, ...]], bases: Mapping[Value, Accelerator]
) -> Iterator[Accelerator]:
    """Yield one accelerator for each combination of their dimensions, in the order in which `Space.point` counts."""
    names = [name for name in ACCELERATOR_DIMENSIONS if name in dimensions]
    for values in product(*(dimensions[name] for name in names)):
        chosen = dict(zip(names, values, strict=True))
        base = bases[chosen.pop("base")]
        yield _varied(base, chosen, named=base.name if len(bases) > 1 or "array" not in chosen else "")


def _varied(base: Accelerator, chosen: Mapping[str, Value], *, named: str) -> Accelerator:
    """Return the base with another array, buffer or bandwidth; the name tells the changes."""
    if not chosen:
        return base
    array, buffer, dram, name = base.array, base.buffer, base.dram, [named] if named else []
    if "array" in chosen:
        rows, cols = map(int, str(chosen["array"]).split("x"))
        array = replace(array, rows=rows, cols=cols)
        name.append(f"{rows}x{cols}")
    if "buffer_kib" in chosen:
        buffer = replace(buffer, bytes=int(float(chosen["buffer_kib"]) * 1024))
        name.append(f"{chosen['buffer_kib']}KiB")
    if "gigabytes_per_second" in chosen:
        dram = replace(dram, bytes_per_second=float(chosen["gigabytes_per_second"]) * 1e9)
        name.append(f"{chosen['gigabytes_per_second']}GB/s")
    return replace(base, name="-".join(name), array=array, buffer=buffer, dram=dram)

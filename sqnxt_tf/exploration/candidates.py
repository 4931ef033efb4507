"""Costs of candidates: each distinct layer is simulated once an accelerator, and a network's cost is the sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isinf
from typing import Any, NamedTuple

from sqnxt_sim.layer_tables import layer_table
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.families import FAMILIES, Family, NetworkSpec, family_of
from sqnxt_tf.exploration.space import ACCURACY, OBJECTIVES, Point, Space
from sqnxt_tf.exploration.workloads import row_layer
from sqnxt_tf.networks.tallies import TallyOps


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network on an accelerator, and its costs.

    `figures` has the names of `OBJECTIVES` as keys, and that of the accuracy where it was judged.
    """

    spec: NetworkSpec
    input_size: int
    accelerator: str
    figures: Mapping[str, float]

    @cached_property
    def network(self) -> str:
        """The listed name of the network, or its systematic name; every verb accepts both."""
        return family_of(self.spec).spec_name(self.spec)

    def to_json(self) -> dict[str, Any]:
        """Return an entry of the `search` document."""
        values = family_of(self.spec).values(self.spec)
        depth = [values.pop(stage) for stage in family_of(self.spec).stages]
        return {
            "network": self.network,
            "accelerator": self.accelerator,
            "input_size": self.input_size,
            **({"depth": depth} if depth else {}),
            **values,
            **self.figures,
        }

    def with_accuracy(self, accuracy: float) -> Candidate:
        """Return the candidate with its top-1 accuracy among its figures."""
        return replace(self, figures={ACCURACY: accuracy, **self.figures})


class Accuracies(NamedTuple):
    """Where the accuracy of networks comes from.

    Attributes:
        of: Returns the top-1 accuracy of a network at an input size.
        identity: What determines the accuracies, as text.
    """

    of: Callable[[NetworkSpec, int], float]
    identity: str


def unknown(family: Family) -> Candidate:
    """Return a candidate of a family whose figures are all 0, for the columns of an empty table."""
    figures = dict.fromkeys(OBJECTIVES, 0.0)
    return Candidate(spec=next(iter(family.listed.values())), input_size=0, accelerator="", figures=figures)


def costed(space: Space, point: Point, sums: Sequence[float]) -> Candidate:
    """Return the candidate of a point from its cycles, energy, DRAM bytes, parameters and MACs."""
    cycles, energy, dram_bytes, params, macs = sums
    spec, input_size, place = point
    accelerator = space.accelerators[place]
    return Candidate(
        spec=spec,
        input_size=input_size,
        accelerator=accelerator.name,
        figures={
            "cycles": cycles,
            "time_ms": cycles / accelerator.array.clock_hz * 1e3,
            "energy": energy,
            "params": int(params),
            "macs": int(macs),
            "dram_bytes": dram_bytes,
            "area": space.areas[place],
        },
    )


class _Network(NamedTuple):
    """The parameters and MACs of a network, and its distinct layers as pairs of an index into the tally and a count.

    `uses` are the layers that run on the array, `others` those that a vector unit runs where there is one.
    """

    uses: tuple[tuple[int, int], ...]
    others: tuple[tuple[int, int], ...]
    params: int
    macs: int


class Coster:
    """Costs the points of a space from plain layer rows, and remembers every layer that it has simulated."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._tally = TallyOps()
        self._last: tuple[tuple[NetworkSpec, int], _Network] | None = None
        self._layers: dict[tuple[int, int], tuple[float, float, float]] = {}
        self._first: set[int] = set()  # rows that read a network's input; no other layer reads as large a map

    def cost(self, point: Point) -> Candidate:
        """Return the costs of one point.

        Raises:
            SqnxtError: The input is too small for the network, its channels do not divide into the groups, or no tiling
                of a layer fits into the buffer.
        """
        network = self._described(point.spec, point.input_size)
        accelerator = self._space.accelerators[point.accelerator]
        cycles = energy = dram_bytes = 0.0
        for row, uses in network.uses if accelerator.vector is None else network.uses + network.others:
            layer = self._layers.get((row, point.accelerator)) or self._solve(row, point.accelerator)
            cycles += uses * layer[0]
            energy += uses * layer[1]
            dram_bytes += uses * layer[2]
        return costed(self._space, point, (cycles, energy, dram_bytes, network.params, network.macs))

    def cost_all(self, points: Iterable[Point]) -> Iterator[Candidate | None]:
        """Yield the costs of points in turn; None for a point that has no network or no tiling."""
        for point in points:
            try:
                yield self.cost(point)
            except SqnxtError:
                yield None

    def _described(self, spec: NetworkSpec, input_size: int) -> _Network:
        """Return a network's layers, and keep them: a space lists one network on all accelerators in turn."""
        if self._last is None or self._last[0] != (spec, input_size):
            self._tally.begin()
            image = self._tally.input(input_size, input_size, 3)
            FAMILIES[self._space.family].builder(self._tally, image, self._space.classes, spec)
            uses, rows = self._tally.uses().items(), self._tally.rows
            network = _Network(
                uses=tuple((row, times) for row, times in uses if rows[row].macs),
                others=tuple((row, times) for row, times in uses if not rows[row].macs),
                params=sum(times * rows[row].params for row, times in uses),
                macs=sum(times * rows[row].macs for row, times in uses),
            )
            self._first.add(network.uses[0][0])
            self._last = (spec, input_size), network
        return self._last[1]

    def _solve(self, row: int, accelerator: int) -> tuple[float, float, float]:
        """Simulate one distinct layer, and return its cycles, energy and DRAM bytes."""
        ((cycles,), (energy,), (dram_bytes,)) = layer_table(
            [row_layer(self._tally.rows[row])],
            [self._space.accelerators[accelerator]],
            network_inputs={0} if row in self._first else (),
            sparsity=self._space.sparsity,
            precision=self._space.precision,
        )[0].tolist()
        if isinf(cycles):
            raise SqnxtError(self._tally.rows[row].name, "no tiling fits the buffer", "take a larger one")
        solved = self._layers[row, accelerator] = (cycles, energy, dram_bytes)
        return solved

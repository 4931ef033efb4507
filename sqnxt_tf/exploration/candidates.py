"""What candidates cost: each distinct layer is solved once an accelerator, and a network is a sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sqnxt_sim import ConvLayer, SimulatorError, Workload, simulate_workload
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.space import OBJECTIVES, Point, Space
from sqnxt_tf.exploration.workloads import row_layer
from sqnxt_tf.networks.squeezenext import SPECS, SqnxtSpec, sqnxt
from sqnxt_tf.networks.squeezenext_names import systematic_name
from sqnxt_tf.networks.tallies import TallyOps

_LISTED = {spec: name for name, spec in SPECS.items()}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network on an accelerator and what it costs; `figures` by the names of `OBJECTIVES`."""

    spec: SqnxtSpec
    input_size: int
    accelerator: str
    figures: Mapping[str, float]

    @cached_property
    def network(self) -> str:
        """Its listed name, or its systematic one; both are known to every verb."""
        return _LISTED.get(self.spec) or systematic_name(self.spec)

    def to_json(self) -> dict[str, Any]:
        """One entry of the `search` document."""
        spec = self.spec
        return {
            "network": self.network,
            "accelerator": self.accelerator,
            "input_size": self.input_size,
            "depth": list(spec.depth),
            "stem_kernel": spec.stem_kernel,
            "width": spec.width,
            "transition": spec.transition.replace("_", "-"),
            "groups": spec.groups,
            "aggregate": spec.aggregate,
            **self.figures,
        }


def unknown() -> Candidate:
    """A candidate with all names and no figures, for the columns of an empty table."""
    figures = dict.fromkeys(OBJECTIVES, 0.0)
    return Candidate(spec=next(iter(SPECS.values())), input_size=0, accelerator="", figures=figures)


class _Network(NamedTuple):
    """A network's distinct layers, by their place in the tally, each with how often it is used; and what it counts."""

    uses: tuple[tuple[int, int], ...]
    params: int
    macs: int


class Coster:
    """Costs the points of a space from plain layer rows; layers that were seen before are remembered."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._tally = TallyOps()
        self._last: tuple[tuple[SqnxtSpec, int], _Network] | None = None
        self._layers: dict[tuple[int, int], tuple[float, float, float]] = {}

    def cost(self, point: Point) -> Candidate:
        """One point.

        Raises:
            SqnxtError: The input is too small for the network, or its channels do not divide into the groups.
            SimulatorError: A layer that no tiling fits into the buffer.
        """
        network = self._described(point.spec, point.input_size)
        accelerator = self._space.accelerators[point.accelerator]
        cycles = energy = dram_bytes = 0.0
        for row, uses in network.uses:
            layer = self._layers.get((row, point.accelerator)) or self._solve(row, point.accelerator)
            cycles += uses * layer[0]
            energy += uses * layer[1]
            dram_bytes += uses * layer[2]
        return Candidate(
            spec=point.spec,
            input_size=point.input_size,
            accelerator=accelerator.name,
            figures={
                "cycles": cycles,
                "time_ms": cycles / accelerator.array.clock_hz * 1e3,
                "energy": energy,
                "params": network.params,
                "macs": network.macs,
                "dram_bytes": dram_bytes,
                "area": self._space.area.of(accelerator),
            },
        )

    def cost_all(self, points: Iterable[Point]) -> Iterator[Candidate | None]:
        """Points in turn; None for one that no network or no tiling can be made of."""
        for point in points:
            try:
                yield self.cost(point)
            except (SqnxtError, SimulatorError):
                yield None

    def _described(self, spec: SqnxtSpec, input_size: int) -> _Network:
        """The last one is remembered: a space asks for one network on every accelerator in turn."""
        if self._last is None or self._last[0] != (spec, input_size):
            self._tally.begin()
            sqnxt(self._tally, self._tally.input(input_size, input_size, 3), self._space.classes, spec)
            uses, rows = self._tally.uses().items(), self._tally.rows
            network = _Network(
                uses=tuple((row, times) for row, times in uses if rows[row].macs),
                params=sum(times * rows[row].params for row, times in uses),
                macs=sum(times * rows[row].macs for row, times in uses),
            )
            self._last = (spec, input_size), network
        return self._last[1]

    def _solve(self, row: int, accelerator: int) -> tuple[float, float, float]:
        """Cycles, energy and DRAM bytes of one distinct layer, by the simulator."""
        layer = row_layer(self._tally.rows[row])
        assert isinstance(layer, ConvLayer)
        report = simulate_workload(
            Workload(name=layer.name, layers=(layer,)),
            self._space.accelerators[accelerator],
            sparsity=self._space.sparsity,
            precision=self._space.precision,
        )
        solved = report.cycles, report.energy.total, report.dram_bytes
        self._layers[row, accelerator] = solved
        return solved

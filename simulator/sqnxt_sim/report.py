"""The result of a simulation: every node of a network with its cost, and the totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqnxt_sim.idealisations import idealisations_of
from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.layer_costs import LayerCost, VectorCost
from sqnxt_sim.machine.tiling_cost import Energy
from sqnxt_sim.shown import Shown
from sqnxt_sim.workload import LiveActivations, OffArrayNode, OffArrayReason


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NetworkReport(Shown):
    """Result of a simulation: every node of a network in execution order, and totals over them.

    Attributes:
        model: Name of the network.
        accelerator: The hardware that was simulated.
        layers: One entry for each row of the workload, with its cost if it has one.
        notes: Sentences about assumptions behind the figures, such as operators without a cost model.
        live: Activations that are alive while each node runs; empty if only the layers are known.
        input_shapes: Shapes that the graph reads; empty if only the layers are known.
    """

    model: str
    accelerator: Accelerator
    layers: tuple[LayerCost | VectorCost | OffArrayNode, ...]
    notes: tuple[str, ...] = ()
    live: tuple[LiveActivations, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()

    @property
    def costed(self) -> tuple[LayerCost, ...]:
        """The layers that run on the array."""
        return tuple(layer for layer in self.layers if isinstance(layer, LayerCost))

    @property
    def on_vector_unit(self) -> tuple[VectorCost, ...]:
        """The nodes that run on the vector unit."""
        return tuple(layer for layer in self.layers if isinstance(layer, VectorCost))

    @property
    def without_model(self) -> tuple[OffArrayNode, ...]:
        """The nodes that do real work but have no cost model; the totals leave them out."""
        return tuple(x for x in self.layers if isinstance(x, OffArrayNode) and x.why is OffArrayReason.NO_MODEL)

    @property
    def without_shape(self) -> tuple[OffArrayNode, ...]:
        """The nodes whose work for the vector unit is not known, because a shape is not; the totals leave them out."""
        nodes = (x for x in self.layers if isinstance(x, OffArrayNode) and x.lacks_work)
        return tuple(nodes) if self.accelerator.vector else ()

    @property
    def complete(self) -> bool:
        """Whether the totals hold every node that does real work on this accelerator."""
        return not self.without_model and not self.without_shape

    @property
    def cycles(self) -> float:
        """Sum of the nodes' cycles, not rounded."""
        return sum((cost.cycles for cost in self.costs), 0.0)

    @property
    def time_ms(self) -> float:
        """Time in milliseconds at the array's clock."""
        return self.cycles / self.accelerator.array.clock_hz * 1e3

    @property
    def energy(self) -> Energy:
        """Sum of the nodes' energies in MACs of native width, by component."""
        parts = [cost.energy for cost in self.costs]
        return Energy(**{part: sum((getattr(energy, part) for energy in parts), 0.0) for part in Energy.__slots__})

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding and zero weights included."""
        return sum(cost.macs for cost in self.costs)

    @property
    def dram_bytes(self) -> float:
        """Bytes moved between DRAM and buffer."""
        return sum((cost.dram_bytes for cost in self.costs), 0.0)

    @property
    def utilisation(self) -> float:
        """Fraction of all PE cycles of the network in which a MAC is executed."""
        cycles = self.cycles
        return sum(cost.utilisation * cost.cycles for cost in self.costed) / cycles if cycles else 0.0

    @property
    def idealisations(self) -> tuple[str, ...]:
        """Simplifications of the cost model that matter on this accelerator."""
        return idealisations_of(self.accelerator)

    @property
    def peak_activations(self) -> LiveActivations | None:
        """The node at which most bytes of activations are alive; None if they are not known."""
        return max(self.live, key=self.live_bytes, default=None)

    @property
    def beyond_buffer(self) -> tuple[LiveActivations, ...]:
        """The nodes whose live activations exceed the global buffer."""
        return tuple(live for live in self.live if self.live_bytes(live) > self.accelerator.buffer.bytes)

    def live_bytes(self, live: LiveActivations) -> float:
        """Return the bytes of live activations, with floats at the array's native width."""
        return live.bytes_at(self.accelerator.array.word_bits)

    @property
    def costs(self) -> tuple[LayerCost | VectorCost, ...]:
        """The nodes that have a cost, on the array or on the vector unit, in execution order."""
        return tuple(layer for layer in self.layers if not isinstance(layer, OffArrayNode))

    def to_json(self) -> dict[str, Any]:
        """Return the `simulate` document for `json.dumps` (see `sqnxt_sim.report_json`)."""
        from sqnxt_sim.report_json import report_json

        return report_json(self)

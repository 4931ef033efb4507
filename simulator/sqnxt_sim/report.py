"""The answer: what each layer and the whole network cost, and the JSON that says it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqnxt_sim.accelerator import Accelerator
from sqnxt_sim.layers import ConvLayer, Uncosted, UncostedLayer
from sqnxt_sim.search import Bound, Energy, TilingCost


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """A costed layer under the chosen and the rejected dataflow; `layer` has the bits and zeros that were counted.

    `chosen` and `rejected` cost one image; the properties cost the whole batch, image after image, each fetching the
    weights anew.
    """

    layer: ConvLayer
    chosen: TilingCost
    rejected: TilingCost
    accelerator: Accelerator

    @property
    def cycles(self) -> float:
        """Time of the batch in cycles; not rounded."""
        return self.layer.batch * self.chosen.cycles.total

    @property
    def energy(self) -> Energy:
        """Energy of the batch in native MACs, by where it goes."""
        batch, one = self.layer.batch, self.chosen.energy
        return Energy(**{part: batch * value for part, value in asdict(one).items()})

    @property
    def dram_bytes(self) -> float:
        """Bytes between DRAM and buffer."""
        return self.layer.batch * self.chosen.dram_words * self.accelerator.array.word_bits / 8

    @property
    def weight_sparsity(self) -> float:
        """Fraction of the weights that is zero, counted or imposed; 0 where the weights are not known."""
        nonzero = self.layer.nonzero_weights
        return 0.0 if nonzero is None else 1 - nonzero / self.layer.weights

    @property
    def utilisation(self) -> float:
        """Fraction of the PEs' cycles that a MAC is really done in; skipped zeros are no MACs."""
        return self.chosen.executed_macs / (self.chosen.cycles.total * self.accelerator.array.size)

    @property
    def bound_by(self) -> Bound:
        """What takes the largest part of the time."""
        return self.chosen.cycles.bound_by

    @property
    def buffer_bytes(self) -> float:
        """Buffer taken by one tile: its inputs, weights and outputs."""
        return self.chosen.buffer_words * self.accelerator.array.word_bits / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReport:
    """Every node of a network in execution order, and their sum.

    `notes` say in a sentence each what the figures rest on, such as operators that have no model.
    """

    model: str
    accelerator: Accelerator
    layers: tuple[LayerCost | UncostedLayer, ...]
    notes: tuple[str, ...] = ()

    @property
    def costed(self) -> tuple[LayerCost, ...]:
        """The layers that have a cost."""
        return tuple(layer for layer in self.layers if isinstance(layer, LayerCost))

    @property
    def without_model(self) -> tuple[UncostedLayer, ...]:
        """Nodes that do real work and that the total leaves out."""
        return tuple(x for x in self.layers if isinstance(x, UncostedLayer) and x.why is Uncosted.NO_MODEL)

    @property
    def cycles(self) -> float:
        """Sum of the layers' cycles; not rounded."""
        return sum((layer.cycles for layer in self.costed), 0.0)

    @property
    def time_ms(self) -> float:
        """Milliseconds at the array's clock."""
        return self.cycles / self.accelerator.array.clock_hz * 1e3

    @property
    def energy(self) -> Energy:
        """Sum of the layers' energies in native MACs, by where it goes."""
        parts = [layer.energy for layer in self.costed]
        return Energy(**{part: sum((getattr(energy, part) for energy in parts), 0.0) for part in Energy.__slots__})

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding and zero weights included."""
        return sum(layer.layer.macs for layer in self.costed)

    @property
    def dram_bytes(self) -> float:
        """Bytes between DRAM and buffer."""
        return sum((layer.dram_bytes for layer in self.costed), 0.0)

    def to_json(self) -> dict[str, Any]:
        """The `simulate` document, ready for `json.dumps`. Cycles and energies are not rounded.

        Every layer has the same keys; for a layer that is not costed, what adds up is 0 and the rest null. `status` is
        `costed` or one of `Uncosted`, `complete` whether no node without a model does real work.
        """
        return {
            "model": self.model,
            "accelerator": self.accelerator.name,
            "clock_hz": self.accelerator.array.clock_hz,
            "total": self._total(),
            "layers": [_costed_row(x) if isinstance(x, LayerCost) else _uncosted_row(x) for x in self.layers],
            "complete": not self.without_model,
            "notes": list(self.notes),
        }

    def _total(self) -> dict[str, Any]:
        cycles = self.cycles
        return {
            "cycles": cycles,
            "time_ms": self.time_ms,
            **_energies(self.energy, self.accelerator),
            "macs": self.macs,
            "dram_bytes": self.dram_bytes,
            "efficiency_macs_per_cycle": self.macs / cycles if cycles else 0.0,
            "utilisation": _mean_utilisation(self.costed, cycles),
            "peak_buffer_bytes": max((layer.buffer_bytes for layer in self.costed), default=0.0),
        }


def _costed_row(cost: LayerCost) -> dict[str, Any]:
    layer, chosen, rejected = cost.layer, cost.chosen, cost.rejected
    return {
        "name": layer.name,
        "op": layer.op,
        "costed": True,
        "dataflow": str(chosen.dataflow),
        "cycles": cost.cycles,
        **_energies(cost.energy, cost.accelerator),
        "macs": layer.macs,
        "weight_bits": layer.weight_bits,
        "activation_bits": layer.activation_bits,
        "weight_sparsity": cost.weight_sparsity,
        "dram_bytes": cost.dram_bytes,
        "buffer_bytes": cost.buffer_bytes,
        "tiling": asdict(chosen.tiling),
        "rejected": {
            "dataflow": str(rejected.dataflow),
            "cycles": layer.batch * rejected.cycles.total,
            "energy": layer.batch * rejected.energy.total,
        },
        "bound_by": str(cost.bound_by),
        "utilisation": cost.utilisation,
        "cycles_by_part": {part: layer.batch * value for part, value in asdict(chosen.cycles).items()},
        "batch": layer.batch,
        "status": "costed",
        "reason": None,
    }


# What adds up is 0 where a node is not costed, so that the rows sum to the total; the rest has no meaning there.
_ZERO_FOR_UNCOSTED = ("cycles", "energy", "macs", "dram_bytes")
_NULL_FOR_UNCOSTED = (
    "dataflow", "weight_bits", "activation_bits", "weight_sparsity", "tiling", "rejected", "bound_by",
    "energy_by_part", "cycles_by_part", "buffer_bytes", "utilisation", "batch",
)  # fmt: skip


def _uncosted_row(layer: UncostedLayer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "op": layer.op,
        "costed": False,
        **dict.fromkeys(_ZERO_FOR_UNCOSTED, 0),
        **dict.fromkeys(_NULL_FOR_UNCOSTED),
        "status": str(layer.why),
        "reason": layer.reason,
    }


def _energies(energy: Energy, accelerator: Accelerator) -> dict[str, Any]:
    row: dict[str, Any] = {"energy": energy.total, "energy_by_part": asdict(energy)}
    if accelerator.energy.mac_pj is not None:
        row["energy_pj"] = energy.total * accelerator.energy.mac_pj
    return row


def _mean_utilisation(costs: Iterable[LayerCost], cycles: float) -> float:
    return sum(cost.utilisation * cost.cycles for cost in costs) / cycles if cycles else 0.0

"""Two simulations side by side: what changed from one graph (or array) to the other, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqnxt_sim import LayerCost, NetworkReport, VectorCost

    Cost = LayerCost | VectorCost

# what each layer is compared by: field of the document -> attribute of a cost
_FIGURES = ("cycles", "energy", "dram_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """A layer of both networks, or of one of them; then the other cost is None."""

    name: str
    before: Cost | None
    after: Cost | None

    def figure(self, name: str) -> tuple[float, float]:
        """Return `cycles`, `energy` or `dram_bytes` before and after; 0 where the layer is absent."""
        return _figure(self.before, name), _figure(self.after, name)

    def what_changed(self) -> list[str]:
        """Return the facts that differ (shape, bits, zeros, dataflow, tiling), as `what before -> after`."""
        if self.before is None or self.after is None:
            return ["only in the second" if self.before is None else "only in the first"]
        facts = zip(_facts(self.before).items(), _facts(self.after).values(), strict=False)
        return [f"{what} {old} -> {new}" for (what, old), new in facts if old != new]

    def to_json(self) -> dict[str, Any]:
        """Return one row of the document; figures are [before, after]."""
        return {
            "name": self.name,
            "in_first": self.before is not None,
            "in_second": self.after is not None,
            **{name: list(self.figure(name)) for name in _FIGURES},
            "changed": self.what_changed(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two reports and the layers of both, in the order of the first; a new layer follows its predecessor."""

    before: NetworkReport
    after: NetworkReport
    layers: tuple[LayerChange, ...]

    def total(self, name: str) -> tuple[float, float]:
        """Return the total of `cycles`, `energy`, `dram_bytes`, `macs` or `time_ms`, before and after."""
        return _figure(self.before, name), _figure(self.after, name)

    @property
    def notes(self) -> list[str]:
        """Assumptions behind the figures of either report."""
        return sorted({*self.before.notes, *self.after.notes})

    def to_json(self) -> dict[str, Any]:
        """Return the `compare` document."""
        return {
            "first": {"model": self.before.model, "accelerator": self.before.accelerator.name},
            "second": {"model": self.after.model, "accelerator": self.after.accelerator.name},
            "total": {name: list(self.total(name)) for name in (*_FIGURES, "macs", "time_ms")},
            "layers": [layer.to_json() for layer in self.layers],
            "notes": self.notes,
        }


def compare(before: NetworkReport, after: NetworkReport) -> Comparison:
    """Match the costed layers of two reports by name, or by their order if they share no name."""
    first, second = ({cost.name: cost for cost in report.costs} for report in (before, after))
    if not first.keys() & second.keys() and len(first) == len(second):
        second = dict(zip(first, second.values(), strict=True))
    layers = tuple(
        LayerChange(name=name, before=first.get(name), after=second.get(name))
        for name in _merged(list(first), list(second))
    )
    return Comparison(before=before, after=after, layers=layers)


def _merged(first: list[str], second: list[str]) -> list[str]:
    """Return both lists as one; a name of the second alone comes after the name that it follows there."""
    merged, known = list(first), set(first)
    place = 0
    for name in second:
        if name in known:
            place = merged.index(name) + 1
        else:
            merged.insert(place, name)
            place += 1
    return merged


def _figure(cost: Cost | NetworkReport | None, name: str) -> float:
    if cost is None:
        return 0.0
    value = getattr(cost, name)
    return float(getattr(value, "total", value))


def _facts(cost: Cost) -> dict[str, str]:
    """Return the facts that explain a layer's figures, in words."""
    from sqnxt_sim import VectorCost

    if isinstance(cost, VectorCost):
        return {"unit": "vector unit"}
    layer, tiling = cost.layer, cost.chosen.tiling
    return {
        "unit": "array",
        "input": f"{layer.in_height}x{layer.in_width}x{layer.in_channels}",
        "filters": str(layer.out_channels),
        "kernel": f"{layer.kernel_height}x{layer.kernel_width}",
        "weight bits": str(layer.weight_bits),
        "activation bits": str(layer.activation_bits),
        "zeros": f"{cost.weight_sparsity:.1%}",
        "dataflow": str(cost.chosen.dataflow).replace("_", "-"),
        "tile": f"{tiling.rows}x{tiling.cols}x{tiling.in_channels}x{tiling.out_channels}",
    }

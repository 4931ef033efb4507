"""Simulate a file on an accelerator, both given by name, and compare the result with a budget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_sim import load_accelerator, read_model, simulate_workload

if TYPE_CHECKING:
    from sqnxt_sim import NetworkReport


def simulate(
    path: str | Path,
    accelerator: str | Path = "squeezelerator-16x16",
    *,
    dataflow: str = "best",
    sparsity: float | None = None,
    precision: str | None = None,
    strict: bool = False,
    **sizes: Any,
) -> NetworkReport:
    """Estimate cycles and energy of an ONNX graph on an accelerator, layer by layer.

    Args:
        path: The `.onnx` file.
        accelerator: A preset's name, or a `.toml` file.
        dataflow: `best` (the faster one, layer by layer), `weight_stationary` or `output_stationary`.
        sparsity: Assume this fraction of zero weights instead of counting them.
        precision: Assume this precision instead of the graph's own.
        strict: Refuse a graph with operators that do real work and have no cost model.
        sizes: `batch`, `input_size` and `dims` of `sqnxt_sim.read_model`, for a graph that leaves dimensions free.

    Raises:
        SimulatorError: The graph cannot be read or costed.
    """
    workload = read_model(path, **sizes)
    return simulate_workload(
        workload,
        load_accelerator(accelerator),
        dataflow=dataflow,
        sparsity=sparsity,
        precision=precision,
        strict=strict,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetItem:
    """One figure of a simulation and its largest allowed value."""

    quantity: str
    unit: str
    limit: float
    actual: float

    @property
    def exceeded(self) -> bool:
        """Whether the figure exceeds its budget."""
        return self.actual > self.limit

    def __str__(self) -> str:
        """Return a sentence for a build log."""
        share = f" ({self.actual / self.limit:.0%} of it)" if self.limit else ""
        verdict = "exceeds" if self.exceeded else "is within"
        return f"{self.quantity} of {self.actual:,.0f} {self.unit} {verdict} the budget of {self.limit:,.0f}{share}"

    def to_json(self) -> dict[str, Any]:
        """Return one entry of the `budgets` of the document."""
        return {"limit": self.limit, "actual": self.actual, "exceeded": self.exceeded}


def hold_to_budget(
    report: NetworkReport,
    *,
    max_cycles: float | None = None,
    max_energy: float | None = None,
    max_dram_bytes: float | None = None,
) -> dict[str, BudgetItem]:
    """Return the figures that have a budget (energy in MACs), by the name of the argument."""
    wanted = {
        "max_cycles": ("time", "cycles", max_cycles, report.cycles),
        "max_energy": ("energy", "MACs", max_energy, report.energy.total),
        "max_dram_bytes": ("DRAM traffic", "bytes", max_dram_bytes, report.dram_bytes),
    }
    return {
        name: BudgetItem(quantity=quantity, unit=unit, limit=limit, actual=actual)
        for name, (quantity, unit, limit, actual) in wanted.items()
        if limit is not None
    }

"""Simulate a file or a network on an accelerator, and compare the result with a budget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_sim import simulate_workload
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.simulating import SimulateOptions
from sqnxt_tf.workflows.workload_source import read_workload

if TYPE_CHECKING:
    from sqnxt_sim import Accelerator, NetworkReport, NetworkTotals, Workload


def simulate(
    model: str | Path | Workload,
    accelerator: str | Path | Accelerator = "squeezelerator-16x16",
    options: SimulateOptions | None = None,
    **settings: Any,
) -> NetworkReport:
    """Estimate cycles and energy of a network on an accelerator, layer by layer.

    Args:
        model: An `.onnx` or `.tflite` file, a network's name (with the paper's 40 % of zeros in its weights), or a
            workload.
        accelerator: A preset's name, a `.toml` file, or an accelerator.
        options: What is assumed of the network.
        settings: Fields of `SimulateOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError: `model` is neither a file nor a network.
        SimulatorError: The model cannot be read or costed.
    """
    options = options_from(SimulateOptions, options, settings)
    workload = read_workload(
        model, batch=options.batch, input_size=options.input_size, dims=options.dims, classes=options.classes
    )
    return simulate_workload(
        workload,
        accelerator,
        dataflow=options.dataflow,
        sparsity=options.sparsity,
        precision=options.precision,
        strict=options.strict,
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
        limit = _figure(self.limit)
        return f"{self.quantity} of {_figure(self.actual)} {self.unit} {verdict} the budget of {limit}{share}"

    def to_json(self) -> dict[str, Any]:
        """Return one entry of the `budgets` of the document."""
        return {"limit": self.limit, "actual": self.actual, "exceeded": self.exceeded}


def _figure(value: float) -> str:
    """Return a number of cycles, MACs or bytes without decimals, and a small one, of milliseconds, with some."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def hold_to_budget(
    report: NetworkReport | NetworkTotals,
    *,
    max_cycles: float | None = None,
    max_time_ms: float | None = None,
    max_energy: float | None = None,
    max_dram_bytes: float | None = None,
) -> dict[str, BudgetItem]:
    """Return the figures that have a budget (energy in MACs), by the name of the argument."""
    wanted = {
        "max_cycles": ("time", "cycles", max_cycles, report.cycles),
        "max_time_ms": ("time", "ms", max_time_ms, report.time_ms),
        "max_energy": ("energy", "MACs", max_energy, report.energy.total),
        "max_dram_bytes": ("DRAM traffic", "bytes", max_dram_bytes, report.dram_bytes),
    }
    return {
        name: BudgetItem(quantity=quantity, unit=unit, limit=limit, actual=actual)
        for name, (quantity, unit, limit, actual) in wanted.items()
        if limit is not None
    }

"""The paper's Table 3: time and energy of 13 networks on both arrays, our figures beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from sqnxt_base.opening import temporary_folder
from sqnxt_sim import Accelerator, NetworkReport, Workload, load_accelerator, read_onnx, simulate_workload
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.networks.published import read_table
from sqnxt_tf.progress import Progress, silent

SPARSITY = 0.4  # fraction of zeros in every layer's weights, as the paper assumes for Table 3
ARRAYS = ("8x8", "16x16")
_PAPER_COLUMNS = {
    "time_8x8": "time_8x8_32KB",
    "time_16x16": "time_16x16_128KB",
    "energy_8x8": "energy_8x8_32KB",
    "energy_16x16": "energy_16x16_128KB",
}
COLUMNS = tuple(_PAPER_COLUMNS)
_EXPORTED, ROWS = "exported graph", "layer rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """One network of Table 3. `ours` and `paper` have `COLUMNS` as keys; `cycles` has `ARRAYS`.

    Times are over that of the column's fastest network, energies are in MACs.
    """

    model: str
    ours: Mapping[str, float]
    paper: Mapping[str, float]
    cycles: Mapping[str, float]

    @property
    def errors(self) -> dict[str, float]:
        """The relative error of each column: ours over the paper's, less one."""
        return {column: self.ours[column] / self.paper[column] - 1 for column in COLUMNS}


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """Table 3. `source` tells what was simulated: graphs that were exported here, or plain layer rows."""

    rows: tuple[CostRow, ...]
    source: str

    def mean_error(self, column: str) -> float:
        """Return the mean of a column's absolute errors, as a fraction."""
        return sum(abs(row.errors[column]) for row in self.rows) / len(self.rows)

    def worst(self, column: str) -> CostRow:
        """Return the row with the largest absolute error of a column."""
        return max(self.rows, key=lambda row: abs(row.errors[column]))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the `reproduce table3` document; nothing is rounded."""
        return [
            {
                "model": row.model,
                **row.ours,
                "paper": dict(row.paper),
                "errors": row.errors,
                **{f"cycles_{array}": row.cycles[array] for array in ARRAYS},
                "source": self.source,
            }
            for row in self.rows
        ]


def reproduce_costs(*, progress: Progress = silent) -> CostTable:
    """Simulate the 13 networks of Table 3 at the paper's 40 % of zeros, each from a graph that is exported for it.

    Exporting takes about a minute, most of it for building the networks. Without TensorFlow or onnxruntime, plain layer
    rows are simulated instead. That takes a second and gives the same figures.
    """
    exporting = can_export()
    task = "exporting and costing 13 networks, about a minute" if exporting else "costing 13 networks"
    models = [row["model"] for row in read_table(3)]
    reports = []
    for done, model in enumerate(models):
        progress(task, done, len(models))
        workload = exported_workload(model) if exporting else network_workload(model)
        reports.append(
            [simulate_workload(workload, accelerator, sparsity=SPARSITY) for accelerator in paper_accelerators()]
        )
    progress(task, len(models), len(models))
    return cost_table(reports, source=_EXPORTED if exporting else ROWS)


def cost_table(reports: Sequence[Sequence[NetworkReport]], *, source: str) -> CostTable:
    """Return the table of reports, which have the order of Table 3, one for each of `ARRAYS`."""
    paper = paper_costs()
    cycles = [{array: report.cycles for array, report in zip(ARRAYS, pair, strict=True)} for pair in reports]
    fastest = {array: min(row[array] for row in cycles) for array in ARRAYS}
    return CostTable(
        rows=tuple(
            CostRow(
                model=model,
                ours={f"time_{array}": row[array] / fastest[array] for array in ARRAYS}
                | {f"energy_{array}": report.energy.total for array, report in zip(ARRAYS, pair, strict=True)},
                paper=figures,
                cycles=row,
            )
            for (model, figures), row, pair in zip(paper.items(), cycles, reports, strict=True)
        ),
        source=source,
    )


@cache
def paper_costs() -> dict[str, dict[str, float]]:
    """Return the paper's four columns, by its name for the network; times are over the fastest of the column."""
    rows = read_table(3)
    costs = {row["model"]: {ours: float(row[theirs]) for ours, theirs in _PAPER_COLUMNS.items()} for row in rows}
    for column in (f"time_{array}" for array in ARRAYS):
        fastest = min(figures[column] for figures in costs.values())
        for figures in costs.values():
            figures[column] /= fastest
    return costs


def paper_accelerators() -> tuple[Accelerator, ...]:
    """Return the paper's two arrays, in the order of `ARRAYS`."""
    return tuple(load_accelerator(f"squeezelerator-{array}") for array in ARRAYS)


def fitted_numbers(accelerator: Accelerator) -> dict[str, float]:
    """Return the numbers that an accelerator's file marks as fitted, by `section.key`."""
    numbers = accelerator.numbers.items()
    return {name: float(value) for name, value in numbers if accelerator.origins[name].kind == "fitted"}


def can_export() -> bool:
    """Return whether the packages for building and exporting networks are installed."""
    return all(find_spec(name) is not None for name in ("tensorflow", "tf_keras", "onnxruntime"))


def exported_workload(model: str) -> Workload:
    """Build a network with random weights, export it at its published input size, and read the graph back."""
    from sqnxt_export import to_onnx
    from sqnxt_tf.networks.keras_ops import build

    with temporary_folder() as folder:
        path = folder / "graph.onnx"
        path.write_bytes(to_onnx(build(model)).SerializeToString())
        return read_onnx(path)

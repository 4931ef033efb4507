"""The simulations of a report: each network in full on one accelerator, and its totals elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqnxt_sim import (
    Accelerator,
    Dataflow,
    LayerCost,
    NetworkReport,
    SimulatorError,
    TilingCost,
    Workload,
    simulate_workload,
)
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent

AS_EXPORTED = "as exported"
PRECISIONS: dict[str, str | None] = {AS_EXPORTED: None, "16 bit": "int16", "8 bit": "int8"}
"""The precisions that are simulated, each with the simulator's name for it."""
MOST_LAYERS = 10_000  # of all networks together; no browser shows a page of more
_MOST_CHARACTERS = 500  # of a layer's name, which the page repeats in every chart


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A network on an accelerator at a precision. `report` is None if it cannot run, and `fault` tells why."""

    accelerator: Accelerator
    precision: str
    report: NetworkReport | None
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return an entry of a model's `what_if`."""
        total = None if self.report is None else _total(self.report)
        return {"accelerator": self.accelerator.name, "precision": self.precision, "total": total, "fault": self.fault}


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A network on the first accelerator, and on all accelerators at all precisions.

    The first of `what_ifs` is that on the first accelerator as exported.
    """

    name: str
    report: NetworkReport
    what_ifs: tuple[WhatIf, ...]

    @property
    def dataflows(self) -> tuple[Dataflow, ...]:
        """The dataflows whose cost every layer has: the best two of the accelerator."""
        return tuple(one for one in Dataflow if all(_under(cost, one) for cost in self.report.costed))

    def cycles_with_only(self, dataflow: Dataflow) -> float:
        """Return the cycles of the network if every layer on the array ran under one dataflow."""
        costs = self.report.costed
        return self.report.cycles + sum(_cycles_under(cost, dataflow) - cost.cycles for cost in costs)

    def to_json(self) -> dict[str, Any]:
        """Return an entry of the document's `models`."""
        return {
            "model": self.name,
            "input_shapes": [list(shape) for shape in self.report.input_shapes],
            "accelerator": self.report.accelerator.name,
            "total": _total(self.report),
            "cycles_with_only": {str(dataflow): self.cycles_with_only(dataflow) for dataflow in self.dataflows},
            "what_if": [one.to_json() for one in self.what_ifs],
            "complete": self.report.complete,
        }


def study_networks(
    workloads: Sequence[tuple[str, Workload]],
    accelerators: Sequence[Accelerator],
    *,
    sparsity: float | None = None,
    progress: Progress = silent,
) -> list[Study]:
    """Simulate every workload on every accelerator and at every one of `PRECISIONS`.

    Args:
        workloads: Name and workload of each network.
        accelerators: Layers are shown one by one for the first of them.
        sparsity: Assume this fraction of zero weights instead of counting them.
        progress: Called after every simulation.

    Raises:
        SqnxtError: No layer of a network runs on an array, or a page cannot show so many layers.
        SimulatorError: A network does not run on the first accelerator.
    """
    layers = sum(len(workload.layers) for _, workload in workloads)
    if layers > MOST_LAYERS:
        raise SqnxtError(
            f"{len(workloads)} graph(s) of {layers:,} nodes", f"a page holds {MOST_LAYERS:,}", "give fewer graphs"
        )
    total = len(workloads) * len(accelerators) * len(PRECISIONS)
    studies: list[Study] = []
    for name, workload in workloads:
        if not workload.conv_layers:
            raise SqnxtError(name, "has no layer that runs on an array", "give a network with convolutions")
        short = _with_short_names(workload)
        what_ifs: list[WhatIf] = []
        for accelerator in accelerators:
            for precision in PRECISIONS:
                what_ifs.append(_what_if(short, accelerator, precision, sparsity))
                progress("simulate", len(studies) * total // len(workloads) + len(what_ifs), total)
        first = what_ifs[0]
        if first.report is None:
            raise SimulatorError(name, f"does not run on {first.accelerator.name}: {first.fault}")
        studies.append(Study(name=name, report=first.report, what_ifs=tuple(what_ifs)))
    return studies


def _with_short_names(workload: Workload) -> Workload:
    """Shorten the names of layers, as a file may have names of megabytes."""

    def cut(text: str) -> str:
        return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"

    layers = tuple(replace(layer, name=cut(layer.name), op=cut(layer.op)) for layer in workload.layers)
    return replace(workload, layers=layers)


def _what_if(workload: Workload, accelerator: Accelerator, precision: str, sparsity: float | None) -> WhatIf:
    try:
        report = simulate_workload(workload, accelerator, sparsity=sparsity, precision=PRECISIONS[precision])
    except SimulatorError as error:  # such as a layer that no tiling fits into a small buffer
        return WhatIf(accelerator=accelerator, precision=precision, report=None, fault=str(error))
    return WhatIf(accelerator=accelerator, precision=precision, report=report)


def _under(cost: LayerCost, dataflow: Dataflow) -> TilingCost | None:
    return next((one for one in (cost.chosen, cost.rejected) if one and one.dataflow is dataflow), None)


def _cycles_under(cost: LayerCost, dataflow: Dataflow) -> float:
    one = _under(cost, dataflow) or cost.chosen
    return cost.layer.batch * one.cycles.total


def _total(report: NetworkReport) -> dict[str, Any]:
    """Return the totals of the `simulate` document."""
    total: dict[str, Any] = report.to_json()["total"]
    return total

"""Cost one network on a grid of accelerators, and mark those that no other beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_sim import Accelerator, load_accelerator, simulate_many
from sqnxt_sim.simulator import assumption_notes, refuse_missing_models
from sqnxt_tf.exploration.array_grid import ArrayGrid, Values
from sqnxt_tf.exploration.pareto import pareto_front
from sqnxt_tf.exploration.space import AreaProxy
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.simulating import SimulateOptions
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.workflows.simulate import hold_to_budget
from sqnxt_tf.workflows.workload_source import read_workload

if TYPE_CHECKING:
    from sqnxt_sim import NetworkTotals, Workload

SWEEP_OBJECTIVES = ("time_ms", "energy", "area")
"""Figures in which an accelerator may beat another one; the area is a proxy, in PEs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """One accelerator of a sweep.

    Attributes:
        values: Its values of the swept numbers, by "section.key".
        totals: The network's totals on it; None if no tiling of a layer fits its buffer.
        area: Area proxy, in PEs (see `AreaProxy`).
        pareto: Whether no other accelerator is better in one objective and no worse in the others.
        within_budget: Whether it meets the budget; None if there is none.
    """

    values: Mapping[str, float]
    totals: NetworkTotals | None
    area: float
    pareto: bool = False
    within_budget: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `points`; figures are null where no tiling fits."""
        totals = self.totals
        return {
            **self.values,
            "fits": totals is not None,
            "cycles": None if totals is None else totals.cycles,
            "time_ms": None if totals is None else totals.time_ms,
            "energy": None if totals is None else totals.energy.total,
            "dram_bytes": None if totals is None else totals.dram_bytes,
            "macs": None if totals is None else totals.macs,
            "area": self.area,
            "pareto": self.pareto,
            "within_budget": self.within_budget,
        }


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A network on a grid of accelerators. `notes` tell what was assumed."""

    model: str
    grid: ArrayGrid
    points: tuple[SweepPoint, ...]
    limits: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def front(self) -> tuple[SweepPoint, ...]:
        """The accelerators that no other beats."""
        return tuple(point for point in self.points if point.pareto)

    def to_records(self) -> list[dict[str, Any]]:
        """Return a flat dictionary for each accelerator, as `pandas.DataFrame` takes them."""
        return [point.to_json() for point in self.points]

    def to_json(self) -> dict[str, Any]:
        """Return the `simulate --sweep` document."""
        return {
            "model": self.model,
            "accelerator": self.grid.base.name,
            "dimensions": {key: list(values) for key, values in self.grid.dimensions.items()},
            "objectives": list(SWEEP_OBJECTIVES),
            "budgets": dict(self.limits),
            "points": self.to_records(),
            "notes": list(self.notes),
        }


def sweep(
    model: str | Path | Workload,
    dimensions: Mapping[str, Values],
    accelerator: str | Path | Accelerator = "squeezelerator-16x16",
    options: SimulateOptions | None = None,
    *,
    limits: Mapping[str, float] | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> Sweep:
    """Cost a network on every combination of some numbers of an accelerator.

    Example: `sweep("1.0-SqNxt-23", {"array.rows": [8, 16, 32], "buffer.bytes": "64K,128K"})` costs six accelerators.

    Args:
        model: A file, a network's name, or a workload; as for `simulate`.
        dimensions: Values by "section.key" of an accelerator file: a list, or a text as on the command line.
        accelerator: The accelerator that has all other numbers.
        options: What is assumed of the network.
        limits: Budgets by the names of the arguments of `hold_to_budget`, as in `{"max_time_ms": 2}`.
        progress: Called as the work goes on.
        settings: Fields of `SimulateOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError: `model` is neither a file nor a network, or a dimension makes no sense.
        SimulatorError: The model cannot be read or costed, or the accelerator cannot be read.
    """
    options = options_from(SimulateOptions, options, settings)
    base = accelerator if isinstance(accelerator, Accelerator) else load_accelerator(accelerator)
    grid = ArrayGrid.of(base, dimensions)
    workload = read_workload(
        model, batch=options.batch, input_size=options.input_size, dims=options.dims, classes=options.classes
    )
    if options.strict:
        refuse_missing_models(workload, base)
    accelerators = grid.accelerators
    totals = _totals(workload, accelerators, options, progress)
    limits = dict(limits or {})
    area = AreaProxy()
    points = [
        SweepPoint(values=values, totals=one, area=area.of(array), within_budget=_within(one, limits))
        for values, one, array in zip(grid.points, totals, accelerators, strict=True)
    ]
    return Sweep(
        model=workload.name,
        grid=grid,
        points=_marked(points),
        limits=limits,
        notes=tuple(assumption_notes(workload, base, options.sparsity, options.precision)),
    )


def _totals(
    workload: Workload, accelerators: Sequence[Accelerator], options: SimulateOptions, progress: Progress
) -> list[NetworkTotals | None]:
    """Return the totals on each accelerator; None where a layer does not fit."""
    began = monotonic()

    def report(done: int) -> None:
        rate = done / max(monotonic() - began, 1e-9)
        progress(f"costing {workload.name} on {len(accelerators):,} arrays", done, len(accelerators), per_second=rate)

    return simulate_many(
        workload,
        accelerators,
        dataflow=options.dataflow,
        sparsity=options.sparsity,
        precision=options.precision,
        progress=report,
    )


def _within(totals: NetworkTotals | None, limits: Mapping[str, float]) -> bool | None:
    if not limits:
        return None
    return totals is not None and not any(item.exceeded for item in hold_to_budget(totals, **limits).values())


def _marked(points: list[SweepPoint]) -> tuple[SweepPoint, ...]:
    """Return the points with those marked that no other beats."""
    fitting = [index for index, point in enumerate(points) if point.totals is not None]
    figures = [(one.totals.time_ms, one.totals.energy.total, one.area) for one in points if one.totals is not None]
    if figures:
        for place in pareto_front(np.array(figures)):
            points[fitting[place]] = replace(points[fitting[place]], pareto=True)
    return tuple(points)

"""A sweep over accelerators as a table and sentences."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Cell, Table

if TYPE_CHECKING:
    from sqnxt_tf.workflows.sweep import Sweep, SweepPoint

_MOST_ROWS = 60  # of a table on a terminal; --csv and --json have them all


def sweep_table(sweep: Sweep) -> Table:
    """Return a row for each accelerator, or for the Pareto set alone where there are many."""
    keys = list(sweep.grid.dimensions)
    shown = sweep.points if len(sweep.points) <= _MOST_ROWS else sweep.front[:_MOST_ROWS]
    budget = ["<within budget"] if sweep.limits else []
    table = Table(
        [*keys, "kcycles", "time ms", "energy MMAC", "DRAM KB", "MACs/cycle", "area PEs", "<Pareto", *budget],
        title=f"{sweep.model} on {len(sweep.points):,} arrays made of {sweep.grid.base.name}",
        least_important=["MACs/cycle", "DRAM KB", "kcycles", "area PEs"],
    )
    for point in shown:
        cells = [*(f"{point.values[key]:,g}" if point.values[key] < 1e15 else "" for key in keys), *_figures(point)]
        table.add(*cells, *(["" if point.within_budget is None else _yes(point.within_budget)] if budget else []))
    return table


def _figures(point: SweepPoint) -> list[Cell]:
    totals = point.totals
    if totals is None:
        return ["does not fit", None, None, None, None, f"{point.area:,.0f}", ""]
    return [
        f"{totals.cycles / 1e3:,.1f}",
        f"{totals.time_ms:,.3f}",
        f"{totals.energy.total / 1e6:,.1f}",
        f"{totals.dram_bytes / 1e3:,.1f}",
        f"{totals.macs / totals.cycles:.1f}" if totals.cycles else None,
        f"{point.area:,.0f}",
        _yes(point.pareto),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else ""


def sweep_lines(sweep: Sweep) -> list[str]:
    """Return what the Pareto set is, what is best, what meets the budget, and what was assumed."""
    lines = [f"{len(sweep.front)} of {len(sweep.points):,} arrays are Pareto-optimal in time, energy and area"]
    if len(sweep.points) > _MOST_ROWS:
        lines[0] += f"; {min(len(sweep.front), _MOST_ROWS)} of them are shown, --csv and --json have all"
    if sweep.front:
        lines += [_least(sweep, "time", "ms", _time), _least(sweep, "energy", "MACs", _energy)]
    if missing := sum(point.totals is None for point in sweep.points):
        lines.append(f"{missing:,} arrays have no room for a tile of every layer")
    if sweep.limits:
        met = sum(bool(point.within_budget) for point in sweep.points)
        lines.append(f"arrays that meet the budget: {met:,} of {len(sweep.points):,}")
    return [*lines, *(f"note: {note}" for note in sweep.notes)]


def _least(sweep: Sweep, figure: str, unit: str, value: Callable[[SweepPoint], float]) -> str:
    best = min(sweep.front, key=value)
    return f"least {figure}: {value(best):.4g} {unit} at {_values(best)}"


def _time(point: SweepPoint) -> float:
    return inf if point.totals is None else point.totals.time_ms


def _energy(point: SweepPoint) -> float:
    return inf if point.totals is None else point.totals.energy.total


def _values(point: SweepPoint) -> str:
    return ", ".join(f"{key}={value:,g}" for key, value in point.values.items())

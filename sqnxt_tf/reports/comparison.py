"""Two simulations as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table

if TYPE_CHECKING:
    from sqnxt_tf.workflows.compare import Comparison

_TOTALS = (
    ("cycles", "cycles", 1.0),
    ("time ms", "time_ms", 1.0),
    ("energy MMAC", "energy", 1e-6),
    ("DRAM KB", "dram_bytes", 1e-3),
    ("MMACs", "macs", 1e-6),
)


def comparison_tables(comparison: Comparison, *, every_layer: bool = False) -> list[Table]:
    """Totals, then the layers whose cost or make differs (or all of them), those that differ most in cycles first."""
    before, after = comparison.before, comparison.after
    totals = Table(["<total", "first", "second", "difference %"])
    totals.title = "\n".join(
        f"{place}: {report.model} on {report.accelerator.name}"
        for place, report in (("first", before), ("second", after))
    )
    for label, name, scale in _TOTALS:
        old, new = comparison.total(name)
        totals.add(label, _number(old * scale, name), _number(new * scale, name), _difference(old, new))
    layers = Table(
        [
            "<layer", "cycles first", "second", "diff. %", "energy MMAC first", "second", "diff. %", "DRAM KB first",
            "second", "diff. %", "<what changed",
        ]
    )  # fmt: skip
    for change in comparison.layers:
        what = change.what_changed()
        if every_layer or what or change.figure("cycles")[0] != change.figure("cycles")[1]:
            cells: list[str | int] = []
            for _, name, scale in (_TOTALS[0], _TOTALS[2], _TOTALS[3]):
                old, new = change.figure(name)
                cells += [_number(old * scale, name), _number(new * scale, name), _difference(old, new)]
            layers.add(change.name, *cells, "; ".join(what))
    return [totals, layers] if layers.rows else [totals]


def _number(value: float, name: str) -> str | int:
    return round(value) if name == "cycles" else f"{value:,.3f}" if name == "time_ms" else f"{value:,.2f}"


def _difference(old: float, new: float) -> str:
    """`+12.3`, in per cent of the first."""
    if not old:
        return "" if not new else "new"
    return f"{100 * (new / old - 1):+.1f}"

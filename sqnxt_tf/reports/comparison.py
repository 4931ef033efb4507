"""Two simulations side by side: their totals, and their layers."""

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
_UNITS = {"cycles": "", "energy": " MMAC", "DRAM": " KB"}


def comparison_tables(comparison: Comparison, *, every_layer: bool = False) -> list[Table]:
    """Return a table of totals, and one of the layers that differ in cost or in kind, or of `every_layer`.

    Layers that differ most in cycles come first. Without any, there is only the first table.
    """
    before, after = comparison.before, comparison.after
    totals = Table(["<total", "first", "second", "difference %"])
    totals.title = [
        f"{place}: {report.model} on {report.accelerator.name}"
        for place, report in (("first", before), ("second", after))
    ]
    for label, name, scale in _TOTALS:
        old, new = comparison.total(name)
        totals.add(label, _number(old * scale, name), _number(new * scale, name), _difference(old, new))
    layers = Table(
        [
            "<layer",
            *(
                header
                for figure in ("cycles", "energy", "DRAM")
                for header in (
                    f"{figure}{_UNITS[figure]} first",
                    f"{figure}{_UNITS[figure]} second",
                    f"{figure} diff. %",
                )
            ),
            "<what changed",
        ],
        least_important=["DRAM KB first", "DRAM KB second", "energy MMAC first", "energy MMAC second", "DRAM diff. %"],
        beneath=["what changed"],
    )
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
    """Return the difference in per cent of the first, as in `+12.3`."""
    if not old:
        return "" if not new else "new"
    return f"{100 * (new / old - 1):+.1f}"

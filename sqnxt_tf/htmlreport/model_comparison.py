"""Several networks side by side: their totals, their times on every array, and a chart of time against energy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sqnxt_sim import Dataflow
from sqnxt_tf.htmlreport.chart_shapes import SQUARE, Chart, Mark
from sqnxt_tf.htmlreport.scales import Tick, fixed, linear, shape_text, short
from sqnxt_tf.htmlreport.sortable_tables import Cell, Header, Row, SortableTable, headers
from sqnxt_tf.htmlreport.study import Study

_HEADERS = headers(
    "<<network", "<input", "time ms", "cycles", "energy MMAC", "MMACs", "MACs a cycle", "busy %", "DRAM KB",
    "weight stationary",
)  # fmt: skip


def totals_table(studies: Sequence[Study]) -> SortableTable:
    """Return a table of the networks' totals on the first accelerator."""
    longest = max(study.report.cycles for study in studies)
    rows = [Row(cells=_cells(study, longest)) for study in studies]
    return SortableTable(caption="All networks on the same array", headers=_HEADERS, rows=rows)


def _cells(study: Study, longest: float) -> list[Cell]:
    report = study.report
    stationary = sum(cost.chosen.dataflow is Dataflow.WEIGHT_STATIONARY for cost in report.costed)
    return [
        Cell(study.name),
        Cell(shape_text(report.input_shapes), max(map(prod, report.input_shapes), default=0)),
        Cell(fixed(report.time_ms, 3), report.time_ms, report.cycles / longest),
        Cell(f"{report.cycles:,.0f}", report.cycles),
        Cell(fixed(report.energy.total / 1e6, 1), report.energy.total),
        Cell(fixed(report.macs / 1e6, 1), report.macs),
        Cell(f"{report.macs / report.cycles:,.1f}", report.macs / report.cycles),
        Cell(f"{100 * report.utilisation:.1f}", report.utilisation),
        Cell(f"{report.dram_bytes / 1e3:,.1f}", report.dram_bytes),
        Cell(f"{stationary} of {len(report.costed)}", stationary / len(report.costed)),
    ]


def arrays_table(studies: Sequence[Study]) -> SortableTable:
    """Return a table of milliseconds on every array and at every precision, with a column for each network."""
    rows = []
    for number, first in enumerate(studies[0].what_ifs):
        reports = [study.what_ifs[number].report for study in studies]
        times = [
            Cell("does not run", -1) if one is None else Cell(fixed(one.time_ms, 3), one.time_ms) for one in reports
        ]
        rows.append(Row(cells=[Cell(first.accelerator.name), Cell(first.precision), *times], mine=not number))
    columns = [*headers("<<array", "<precision"), *(Header(study.name) for study in studies)]
    return SortableTable(caption="Time in ms on every array", headers=columns, rows=rows)


def time_against_energy(studies: Sequence[Study]) -> Chart:
    """Return a chart with a numbered dot for each network, whose area grows with the MACs."""
    reports = [study.report for study in studies]
    x = linear([1.15 * report.time_ms for report in reports], SQUARE.left, SQUARE.right)
    y = linear([1.15 * report.energy.total for report in reports], SQUARE.bottom, SQUARE.top)
    most = max(report.macs for report in reports)
    marks = [
        Mark(
            x=x(report.time_ms), y=y(report.energy.total), radius=round(8 + 12 * (report.macs / most) ** 0.5, 2),
            kind="chosen", layer=index,
            tip=f"{index + 1} {study.name}: {fixed(report.time_ms, 3)} ms, {short(report.energy.total)} MACs of "
            f"energy, {short(report.macs)} MACs of work",
        )
        for index, (study, report) in enumerate(zip(studies, reports, strict=True))
    ]  # fmt: skip
    return Chart(
        name="comparison", title="Time and energy", x_label="time, ms", y_label="energy, MACs", marks=marks,
        says="Time against energy of the networks; the table has the figures",
        x_ticks=[Tick(tick.at, tick.label) for tick in x.ticks()], y_ticks=y.ticks(),
        texts=[(mark.x, mark.y + 5, "middle", str(index + 1)) for index, mark in enumerate(marks)],
        frame=SQUARE,
    )  # fmt: skip

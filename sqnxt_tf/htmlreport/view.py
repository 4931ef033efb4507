"""One network's results as text, numbers and table rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqnxt_sim import Accelerator, Dataflow, LayerCost, NetworkReport, OffArrayNode, VectorCost
from sqnxt_tf.htmlreport.chart_shapes import Chart, Stack
from sqnxt_tf.htmlreport.charts import (
    Cost,
    energy_split,
    kind_of,
    layer_charts,
    roofline_chart,
    slowdown,
    words,
)
from sqnxt_tf.htmlreport.scales import fixed, shape_text, short
from sqnxt_tf.htmlreport.sortable_tables import Cell, Row, SortableTable, headers
from sqnxt_tf.htmlreport.study import Study, WhatIf

_LEFT_OUT = {
    "folded": "folded into their neighbours",
    "not_costed": "not costed, as in the paper",
    "no_model": "NOT COSTED, and they do real work: the totals are too low",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """Everything that the page shows of one network."""

    name: str
    cards: Sequence[tuple[str, str, str]]
    filters: Sequence[tuple[str, str, int]]
    charts: Sequence[Chart]
    roofline: Chart
    energy: Sequence[Stack]
    alone: Sequence[tuple[str, str, float, str]]
    layers: SortableTable
    what_ifs: SortableTable
    faults: Sequence[str]
    left_out: Sequence[str]
    notes: Sequence[str]


def model_view(study: Study) -> ModelView:
    """Return one network's part of the page."""
    report = study.report
    kinds = Counter(kind_of(cost) for cost in report.costs)
    return ModelView(
        name=study.name,
        cards=_cards(report),
        filters=[
            ("", "all", len(report.costs)),
            *((kind, words(kind), count) for kind, count in sorted(kinds.items())),
        ],
        charts=layer_charts(report),
        roofline=roofline_chart(report),
        energy=energy_split(report),
        alone=_alone(study),
        layers=_layer_table(report),
        what_ifs=_what_if_table(study),
        faults=[f"{one.accelerator.name}, {one.precision}: {one.fault}" for one in study.what_ifs if one.fault],
        left_out=_left_out(report),
        notes=report.notes,
    )


def _cards(report: NetworkReport) -> list[tuple[str, str, str]]:
    """Return the label, figure and small print of each card."""
    pj, peak = report.accelerator.energy.mac_pj, report.peak_activations
    micro = (
        f"{fixed(report.energy.total * pj / 1e6, 1)} µJ" if pj else f"of {report.accelerator.array.word_bits}-bit MACs"
    )
    shapes = report.input_shapes
    whose = f"the largest of {len(shapes)}" if len(shapes) > 1 else "shape in the graph"
    cards = [("input", shape_text(shapes), whose)] if any(shapes) else []
    cards += [
        ("time", f"{fixed(report.time_ms, 3)} ms", f"{report.cycles:,.0f} cycles"),
        ("energy", short(report.energy.total), micro),
        ("work", short(report.macs), "MACs"),
        ("rate", f"{report.macs / report.cycles:,.1f}", "MACs a cycle"),
        ("utilisation", f"{report.utilisation:.1%}", "PE cycles with a MAC in them"),
        ("DRAM traffic", _bytes(report.dram_bytes), f"in {len(report.costed)} layers"),
    ]
    if peak is not None:
        cards.append(
            ("activations", _bytes(report.live_bytes(peak)), f"peak, buffer {_buffer_size(report.accelerator)}")
        )
    return cards


def _bytes(value: float) -> str:
    text = short(value)
    return f"{text}B" if text[-1].isalpha() else f"{text} B"


def _alone(study: Study) -> list[tuple[str, str, float, str]]:
    """Compare the cycles of the chosen dataflows and of one dataflow alone: label, figure, percentage, CSS class."""
    chosen = study.report.cycles
    totals = {"chosen layer by layer": (chosen, "chosen")}
    totals |= {f"{words(one)} only": (study.cycles_with_only(one), str(one)) for one in study.dataflows}
    longest = max(cycles for cycles, _ in totals.values())
    return [
        (label, f"{short(cycles)} cycles" + (f", +{cycles / chosen - 1:.0%}" if cycles > chosen else ""),
         round(100 * cycles / longest, 3), kind)
        for label, (cycles, kind) in totals.items()
    ]  # fmt: skip


_LAYER_HEADERS = headers(
    "#", "<<layer", "<op", "<dataflow", "cycles", "% of time", "energy MMAC", "busy %", "MACs", "weight bits",
    "act. bits", "zeros %", "DRAM KB", "<bound by", "rejected ×",
)  # fmt: skip


def _layer_table(report: NetworkReport) -> SortableTable:
    longest = max(cost.cycles for cost in report.costs)
    rows = [
        Row(cells=_layer_cells(index, cost, report.cycles, longest), kind=kind_of(cost), layer=index)
        for index, cost in enumerate(report.costs)
    ]
    return SortableTable(caption="Layers in execution order", headers=_LAYER_HEADERS, rows=rows)


def _layer_cells(index: int, cost: Cost, total: float, longest: float) -> list[Cell]:
    cells = [
        Cell(str(index + 1), index),
        Cell(cost.name),
        Cell(cost.op),
        Cell(words(kind_of(cost))),
        Cell(f"{cost.cycles:,.0f}", cost.cycles, cost.cycles / longest),
        Cell(f"{100 * cost.cycles / total:.1f}", cost.cycles),
        Cell(fixed(cost.energy.total / 1e6, 2), cost.energy.total),
    ]
    if isinstance(cost, VectorCost):
        blank = Cell("", -1)
        ending = [Cell(words(cost.bound_by)), blank]
        return [*cells, *[blank] * 5, Cell(f"{cost.dram_bytes / 1e3:,.1f}", cost.dram_bytes), *ending]
    return [*cells, *_array_cells(cost)]


def _array_cells(cost: LayerCost) -> list[Cell]:
    slower = slowdown(cost)
    return [
        Cell(f"{100 * cost.utilisation:.1f}", cost.utilisation),
        Cell(f"{cost.macs:,}", cost.macs),
        Cell(str(cost.layer.weight_bits), cost.layer.weight_bits),
        Cell(str(cost.layer.activation_bits), cost.layer.activation_bits),
        Cell(f"{100 * cost.weight_sparsity:.1f}", cost.weight_sparsity),
        Cell(f"{cost.dram_bytes / 1e3:,.1f}", cost.dram_bytes),
        Cell(words(cost.bound_by)),
        Cell("", -1) if slower is None else Cell(f"{slower:.2f}", slower),
    ]


_WHAT_IF_HEADERS = headers(
    "<<array", "<precision", "PEs", "time ms", "cycles", "energy MMAC", "<of width", "DRAM KB", "busy %",
    "<weight stationary",
)  # fmt: skip


def _what_if_table(study: Study) -> SortableTable:
    longest = max(one.report.time_ms for one in study.what_ifs if one.report)
    rows = [
        Row(cells=_what_if_cells(one, longest), mine=one is study.what_ifs[0] or one.report is study.report)
        for one in study.what_ifs
    ]
    return SortableTable(caption="Other arrays and precisions", headers=_WHAT_IF_HEADERS, rows=rows)


def _what_if_cells(one: WhatIf, longest: float) -> list[Cell]:
    array, report = one.accelerator.array, one.report
    names = [Cell(one.accelerator.name), Cell(one.precision), Cell(f"{array.rows}×{array.cols}", array.size)]
    if report is None:
        return [*names, Cell("does not run", -1), *[Cell("", -1)] * (len(_WHAT_IF_HEADERS) - len(names) - 1)]
    stationary = sum(cost.chosen.dataflow is Dataflow.WEIGHT_STATIONARY for cost in report.costed)
    return [
        *names,
        Cell(fixed(report.time_ms, 3), report.time_ms, report.time_ms / longest),
        Cell(f"{report.cycles:,.0f}", report.cycles),
        Cell(fixed(report.energy.total / 1e6, 1), report.energy.total),
        Cell(f"{array.word_bits}-bit MACs"),
        Cell(f"{report.dram_bytes / 1e3:,.1f}", report.dram_bytes),
        Cell(f"{100 * report.utilisation:.1f}", report.utilisation),
        Cell(f"{stationary} of {len(report.costed)}", stationary),
    ]


def _left_out(report: NetworkReport) -> list[str]:
    lines = []
    uncosted = [layer for layer in report.layers if isinstance(layer, OffArrayNode)]
    for why, label in _LEFT_OUT.items():
        counts = Counter(layer.op for layer in uncosted if layer.why == why)
        if counts:
            lines.append(f"{label}: {', '.join(f'{count} {op}' for op, count in counts.items())}")
    return lines


def array_line(accelerator: Accelerator) -> str:
    """Return a line about the accelerator."""
    array, dram = accelerator.array, accelerator.dram
    return (
        f"{array.rows}×{array.cols} PEs of {array.word_bits} bits at {short(array.clock_hz)}Hz, "
        f"buffer of {_buffer_size(accelerator)}, DRAM at {dram.bytes_per_second / 1e9:g} GB/s"
    )


def _buffer_size(accelerator: Accelerator) -> str:
    return f"{accelerator.buffer.bytes / 1024:,.0f} KiB"

"""The geometry of a network's charts, in the units of each chart's own viewBox, with a text for each mark."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqnxt_sim import Energy, LayerCost, NetworkReport, VectorCost
from sqnxt_tf.htmlreport.chart_shapes import SQUARE, WIDE, Chart, Mark, Segment, Stack
from sqnxt_tf.htmlreport.scales import AxisScale, Tick, linear, logarithmic, short

Cost = LayerCost | VectorCost
_VECTOR = "vector_unit"
_PARTS = {"mac": "MACs", "register_file": "register file", "buffer": "buffer", "dram": "DRAM", "vector": "vector unit"}


_WIDEST = 60.0  # width of a bar


def kind_of(cost: Cost) -> str:
    """Return the dataflow of a layer as the page's CSS class."""
    return str(cost.chosen.dataflow) if isinstance(cost, LayerCost) else _VECTOR


def layer_charts(report: NetworkReport) -> list[Chart]:
    """Return charts of every layer's cycles, energy, utilisation and, where there is one, rejected dataflow."""
    cycles, energy = report.cycles, report.energy.total
    return [
        _bars(
            report, "cycles", "Cycles by layer", "cycles", lambda cost: cost.cycles,
            lambda cost: f"{cost.cycles:,.0f} cycles, {cost.cycles / cycles:.1%} of them",
        ),
        _bars(
            report, "energy", "Energy by layer", "energy, MACs", lambda cost: cost.energy.total,
            lambda cost: f"energy of {short(cost.energy.total)} MACs, {cost.energy.total / (energy or 1):.1%} of it",
        ),
        _bars(
            report, "utilisation", "Utilisation by layer", "% of the PEs busy", lambda cost: 100 * _utilisation(cost),
            lambda cost: f"PEs busy {_utilisation(cost):.1%} of the time",
        ),
        *([_ratios(report)] if any(slowdown(cost) for cost in report.costs) else []),
    ]  # fmt: skip


def _utilisation(cost: Cost) -> float:
    return cost.utilisation if isinstance(cost, LayerCost) else 0.0


def slowdown(cost: Cost) -> float | None:
    """Return the time of the rejected dataflow over that of the chosen one; None if there is none."""
    if isinstance(cost, VectorCost) or cost.rejected is None:
        return None
    return cost.rejected.cycles.total / cost.chosen.cycles.total


def _bars(
    report: NetworkReport,
    name: str,
    title: str,
    y_label: str,
    value: Callable[[Cost], float],
    tip: Callable[[Cost], str],
) -> Chart:
    scale = linear(map(value, report.costs), WIDE.bottom, WIDE.top)
    marks = [
        _bar(index, len(report.costs), scale(0), scale(value(cost)), cost, tip(cost))
        for index, cost in enumerate(report.costs)
    ]
    says = f"{title}: a bar for each of {len(marks)} layers in execution order, at most {short(scale.high)} {y_label}"
    return _wide(name=name, title=title, says=says, y_label=y_label, marks=marks, y_ticks=scale.ticks())


def _ratios(report: NetworkReport) -> Chart:
    """Return the chart of rejected over chosen dataflow, on a logarithmic axis; at 1 both take the same time."""
    ratios = {index: ratio for index, cost in enumerate(report.costs) if (ratio := slowdown(cost)) is not None}
    scale = logarithmic([1.0, *ratios.values()], WIDE.bottom, WIDE.top)
    marks = [
        _bar(
            index, len(report.costs), scale(1), scale(ratio), report.costs[index],
            f"the other dataflow would take {ratio:.2f} times as long",
        )
        for index, ratio in ratios.items()
    ]  # fmt: skip
    most = max(ratios.values(), default=1.0)
    says = f"How much longer each layer would take under the rejected dataflow: up to {most:.1f} times"
    return _wide(
        name="rejected", title="Rejected dataflow", says=says, y_label="time, rejected over chosen dataflow",
        marks=marks, y_ticks=scale.ticks(),
    )  # fmt: skip


def _bar(index: int, count: int, base: float, top: float, cost: Cost, tip: str) -> Mark:
    step = (WIDE.right - WIDE.left) / count
    upper, lower, width = min(base, top), max(base, top), min(0.8 * step, _WIDEST)
    return Mark(
        x=round(WIDE.left + (index + 0.5) * step - width / 2, 2),
        y=upper,
        width=round(width, 2),
        height=round(max(lower - upper, 0.75), 2),
        kind=kind_of(cost),
        layer=index,
        tip=f"{cost.name} ({words(kind_of(cost))}): {tip}",
    )


def _wide(*, name: str, title: str, says: str, y_label: str, marks: Sequence[Mark], y_ticks: Sequence[Tick]) -> Chart:
    return Chart(
        name=name, title=title, says=says, x_label="layers in execution order", y_label=y_label, marks=marks,
        y_ticks=y_ticks, frame=WIDE,
    )  # fmt: skip


def roofline_chart(report: NetworkReport) -> Chart:
    """Return the roofline: each layer's MACs a cycle under the limits of array and DRAM.

    A dot's area is the layer's part of the time.
    """
    bandwidth = report.accelerator.dram_bytes_per_cycle
    # A network of mixed widths has as many ceilings as its widths have speeds; the highest is drawn.
    peak = max(cost.peak_macs_per_cycle for cost in report.costed)
    working = [(i, cost) for i, cost in enumerate(report.costs) if isinstance(cost, LayerCost) and _done(cost)]
    across = [cost.roofline.macs_per_dram_byte for _, cost in working] + [peak / bandwidth]
    x = logarithmic(across, SQUARE.left, SQUARE.right, room=2)
    roof = [min(peak, value * bandwidth) for value in (x.low, x.high)]
    y = logarithmic(
        [peak, *roof, *(cost.roofline.macs_per_cycle for _, cost in working)],
        SQUARE.bottom,
        SQUARE.top,
        room=1.4,
    )
    marks = [
        _dot(index, cost, x, y, report.cycles) for index, cost in sorted(working, key=lambda each: -each[1].cycles)
    ]
    ridge = min(max(peak / bandwidth, x.low), x.high)
    return Chart(
        name="roofline", title="Roofline", marks=marks,
        x_label="MACs for each DRAM byte", y_label=f"MACs a cycle, at most {peak:g} on this array",
        says=f"Roofline: {len(marks)} layers under {peak:g} MACs a cycle and {bandwidth:g} DRAM bytes a cycle",
        x_ticks=x.ticks(), y_ticks=y.ticks(),
        lines=[" ".join(f"{x(a)},{y(b)}" for a, b in ((x.low, roof[0]), (ridge, peak), (x.high, roof[1])))],
        frame=SQUARE,
    )  # fmt: skip


def _done(cost: LayerCost) -> bool:
    return cost.chosen.executed_macs > 0 and cost.chosen.dram_words > 0


def _dot(index: int, cost: LayerCost, x: AxisScale, y: AxisScale, cycles: float) -> Mark:
    roofline = cost.roofline
    return Mark(
        x=x(roofline.macs_per_dram_byte),
        y=y(roofline.macs_per_cycle),
        radius=round(3 + 26 * (cost.cycles / cycles) ** 0.5, 2),
        kind=kind_of(cost),
        layer=index,
        tip=f"{cost.name} ({words(kind_of(cost))}): {roofline.macs_per_cycle:.1f} MACs a cycle of "
        f"{roofline.attainable_macs_per_cycle:.1f} attainable at {roofline.macs_per_dram_byte:.1f} MACs a byte",
    )


def energy_split(report: NetworkReport) -> list[Stack]:
    """Return stacked bars of the energy's parts: for the whole network, and for the layers of each dataflow."""
    groups: dict[str, list[Cost]] = {}
    for cost in report.costs:
        groups.setdefault(kind_of(cost), []).append(cost)
    stacks = [_stack("whole network", report.energy)]
    if len(groups) > 1:
        stacks += [
            _stack(f"{words(kind)}, {len(costs)}", _sum([cost.energy for cost in costs]))
            for kind, costs in sorted(groups.items(), reverse=True)
        ]
    return stacks


def _sum(energies: Sequence[Energy]) -> Energy:
    return Energy(**{part: sum(getattr(energy, part) for energy in energies) for part in _PARTS})


def _stack(label: str, energy: Energy) -> Stack:
    segments: list[Segment] = []
    at = 0.0
    for part, name in _PARTS.items():
        share = getattr(energy, part) / energy.total if energy.total else 0.0
        if share:
            tip = f"{name}: {share:.1%}, {short(share * energy.total)} MACs"
            width = round(100 * share, 3)
            segments.append(Segment(x=round(at, 3), width=width, kind=part, share=share, tip=tip))
        at += 100 * share
    return Stack(label=label, figure=f"{short(energy.total)} MACs", segments=segments)


def words(kind: str) -> str:
    """Return a CSS class as words, as in `weight stationary`."""
    return kind.replace("_", " ")

"""A simulated network as a table."""

from collections import Counter

from sqnxt_sim import LayerCost, NetworkReport

from .tables import Table, percent

# why a node is not costed, as the report has it -> what a person is told
LEFT_OUT = {
    "folded": "folded into their neighbours",
    "not_costed": "not costed, as in the paper",
    "no_model": "NOT COSTED, and they do real work: the total is too low",
}


def simulation_table(report: NetworkReport) -> Table:
    """One row a costed layer; energies in MACs of the array's own width."""
    array, clock_hz = report.accelerator.array, report.accelerator.array.clock_hz
    table = Table(
        [
            "<layer",
            "<op",
            "<dataflow",
            "cycles",
            "energy MMAC",
            "MACs",
            "MACs/cycle",
            "weight bits",
            "act. bits",
            "zeros %",
            "DRAM KB",
            "<bound by",
            "other dataflow",
        ],
        title=f"{report.model} on {report.accelerator.name}: {array.rows}x{array.cols} PEs, {clock_hz / 1e9:g} GHz",
    )
    for cost in report.costed:
        _add_layer(table, cost)
    table.add_total(
        "total", None, None, round(report.cycles), f"{report.energy.total / 1e6:.1f}", report.macs,
        f"{report.macs / report.cycles:.1f}" if report.cycles else None, None, None, None,
        f"{report.dram_bytes / 1e3:,.1f}", None, None,
    )  # fmt: skip
    return table


def _add_layer(table: Table, cost: LayerCost) -> None:
    slower = cost.layer.batch * cost.rejected.cycles.total / cost.cycles
    table.add(
        cost.layer.name,
        cost.layer.op,
        str(cost.chosen.dataflow).replace("_", "-"),
        round(cost.cycles),
        f"{cost.energy.total / 1e6:.2f}",
        cost.layer.macs,
        f"{cost.layer.macs / cost.cycles:.1f}",
        cost.layer.weight_bits,
        cost.layer.activation_bits,
        percent(cost.weight_sparsity),
        f"{cost.dram_bytes / 1e3:,.1f}",
        str(cost.bound_by).replace("_", " "),
        f"x{slower:.2f}",
    )


def total_lines(report: NetworkReport) -> list[str]:
    """The answer in a line, what it leaves out, and what it rests on."""
    energy = report.energy.total
    lines = [
        f"{report.cycles:,.0f} cycles = {report.time_ms:.3f} ms, energy of {energy:.4g} MACs, "
        f"{report.macs / report.cycles:.1f} MACs a cycle"
        if report.cycles
        else "nothing in this graph is costed"
    ]
    uncosted = [layer for layer in report.layers if not isinstance(layer, LayerCost)]
    for why, label in LEFT_OUT.items():
        counts = Counter(layer.op for layer in uncosted if layer.why == why)
        if counts:
            lines.append(f"{label}: {', '.join(f'{count} {op}' for op, count in counts.items())}")
    return lines + [f"note: {note}" for note in report.notes]

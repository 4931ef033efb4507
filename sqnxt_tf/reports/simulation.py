"""A simulated network as a table and sentences."""

from __future__ import annotations

from collections import Counter

from sqnxt_sim import LayerCost, NetworkReport, OffArrayNode, VectorCost
from sqnxt_tf.reports.tables import Table, percent

# why a node is not costed, by its word in the report -> how the line about it begins
_LEFT_OUT = {
    "folded": "folded into their neighbours",
    "not_costed": "not costed, as in the paper",
    "no_model": "NOT COSTED, and they do real work: the total is too low",
}


def simulation_table(report: NetworkReport) -> Table:
    """Return one row for each costed layer; energies are in MACs of the array's own width."""
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
        least_important=[
            "weight bits", "act. bits", "zeros %", "other dataflow", "op", "MACs", "bound by", "MACs/cycle", "DRAM KB",
            "dataflow", "energy MMAC",
        ],
    )  # fmt: skip
    for cost in report.layers:
        if isinstance(cost, LayerCost):
            _add_layer(table, cost)
        elif isinstance(cost, VectorCost):
            _add_vector(table, cost)
    table.add_total(
        "total", None, None, round(report.cycles), f"{report.energy.total / 1e6:.1f}", report.macs,
        f"{report.macs / report.cycles:.1f}" if report.cycles else None, None, None, None,
        f"{report.dram_bytes / 1e3:,.1f}", None, None,
    )  # fmt: skip
    return table


def _add_layer(table: Table, cost: LayerCost) -> None:
    slower = None if cost.rejected is None else cost.layer.batch * cost.rejected.cycles.total / cost.cycles
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
        None if slower is None else f"x{slower:.2f}",
    )


def _add_vector(table: Table, cost: VectorCost) -> None:
    table.add(
        cost.name, cost.op, "vector unit", round(cost.cycles), f"{cost.energy.total / 1e6:.2f}", None, None, None,
        None, None, f"{cost.dram_bytes / 1e3:,.1f}", str(cost.bound_by).replace("_", " "), None,
    )  # fmt: skip


def total_lines(report: NetworkReport) -> list[str]:
    """Return the totals, what they leave out, and what the model idealises."""
    energy = report.energy.total
    lines = [
        f"{report.cycles:,.0f} cycles = {report.time_ms:.3f} ms, energy of {energy:.4g} MACs, "
        f"{report.macs / report.cycles:.1f} MACs a cycle"
        if report.cycles
        else "nothing in this graph is costed"
    ]
    lines += [*_split_lines(report), *_memory_lines(report), *_roofline_lines(report)]
    uncosted = [layer for layer in report.layers if isinstance(layer, OffArrayNode)]
    for why, label in _LEFT_OUT.items():
        counts = Counter(layer.op for layer in uncosted if layer.why == why)
        if counts:
            lines.append(f"{label}: {', '.join(f'{count} {op}' for op, count in counts.items())}")
    return [*lines, *(f"note: {note}" for note in report.notes), f"idealised: {'; '.join(report.idealisations)}"]


def _split_lines(report: NetworkReport) -> list[str]:
    """Return where the energy goes, in microjoules too where the accelerator gives picojoules."""
    energy, pj = report.energy, report.accelerator.energy.mac_pj
    if not energy.total:
        return []
    parts = {"MAC": energy.mac, "register file": energy.register_file, "buffer": energy.buffer, "DRAM": energy.dram}
    if report.accelerator.vector is not None:
        parts["vector unit"] = energy.vector
    split = ", ".join(f"{part} {percent(value / energy.total)} %" for part, value in parts.items())
    micro = "" if pj is None else f"; {energy.total * pj / 1e6:,.1f} uJ at {pj:g} pJ a MAC"
    return [f"energy: {split}{micro}"]


def _memory_lines(report: NetworkReport) -> list[str]:
    peak = report.peak_activations
    if peak is None:
        return []
    beyond = len(report.beyond_buffer)
    too_large = sum(not cost.fits_buffer for cost in report.costed)
    return [
        f"activations: at most {report.live_bytes(peak) / 1e3:,.1f} KB alive, at {peak.node}; the buffer of "
        f"{report.accelerator.buffer.bytes / 1e3:,.1f} KB is too small for them at {beyond} of {len(report.live)} "
        f"nodes, and for {too_large} of {len(report.costed)} layers as a whole"
    ]


def _roofline_lines(report: NetworkReport) -> list[str]:
    """Return how near the layers come to what the array and the DRAM allow."""
    if not report.costed:
        return []
    peak, dram = report.accelerator.peak_macs_per_cycle, report.accelerator.dram_bytes_per_cycle
    limited = sum(cost.roofline.attainable_macs_per_cycle < peak for cost in report.costed)
    return [
        f"roofline: {peak:g} MACs a cycle at {peak / dram:.1f} or more MACs for each DRAM byte; {limited} of "
        f"{len(report.costed)} layers have fewer; the PEs are busy {percent(report.utilisation)} % of the time"
    ]

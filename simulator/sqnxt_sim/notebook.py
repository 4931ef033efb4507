"""How workloads, accelerators and reports show themselves in a notebook: a line, an HTML table, flat records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch
from typing import Any

from sqnxt_base.flat_rows import flat_row
from sqnxt_base.printable_text import printable_html
from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.accelerator_schema import SCHEMA
from sqnxt_sim.report import NetworkReport
from sqnxt_sim.report_json import layer_shapes
from sqnxt_sim.workload import ConvLayer, OffArrayNode, Workload

_MOST_ROWS = 40  # of an HTML table; a notebook is no place for more


@singledispatch
def in_one_line(value: object) -> str:
    """Return a workload, an accelerator or a report in one line."""
    raise NotImplementedError(type(value))


@singledispatch
def as_html(value: object) -> str:
    """Return the same as an HTML table."""
    raise NotImplementedError(type(value))


@singledispatch
def as_records(value: object) -> list[dict[str, Any]]:
    """Return the same as flat dictionaries, one for each row."""
    raise NotImplementedError(type(value))


@in_one_line.register
def _report_line(report: NetworkReport) -> str:
    """Return a report in one line."""
    return (
        f"NetworkReport({report.model} on {report.accelerator.name}: {len(report.costs)} of {len(report.layers)} nodes "
        f"costed, {report.cycles:,.0f} cycles = {report.time_ms:.3f} ms, energy of {report.energy.total:.4g} MACs)"
    )


@as_records.register
def _report_records(report: NetworkReport) -> list[dict[str, Any]]:
    """Return a flat dictionary for each node, with the columns of `simulate --csv`."""
    return [flat_row(row) for row in report.to_json()["layers"]]


@as_html.register
def _report_html(report: NetworkReport) -> str:
    """Return the costed nodes as an HTML table."""
    headers = ("layer", "op", "dataflow", "cycles", "energy MMAC", "MACs", "DRAM KB", "bound by")
    rows = [
        (
            cost.name,
            cost.op,
            "vector unit" if not hasattr(cost, "chosen") else str(cost.chosen.dataflow).replace("_", " "),
            f"{cost.cycles:,.0f}",
            f"{cost.energy.total / 1e6:,.2f}",
            f"{cost.macs:,}",
            f"{cost.dram_bytes / 1e3:,.1f}",
            str(cost.bound_by).replace("_", " "),
        )
        for cost in report.costs
    ]
    return _html(_report_line(report), headers, rows)


@in_one_line.register
def _workload_line(workload: Workload) -> str:
    """Return a workload in one line."""
    on_array = workload.conv_layers
    macs = sum(layer.macs for layer in on_array)
    others = len(workload.layers) - len(on_array)
    return f"Workload({workload.name}: {len(on_array)} layers of {macs:,} MACs for the array, {others} other nodes)"


@as_records.register
def _workload_records(workload: Workload) -> list[dict[str, Any]]:
    """Return a flat dictionary for each node: its shapes, MACs, weights and bits, or why it is off the array."""
    return [flat_row(_node(layer)) for layer in workload.layers]


def _node(layer: ConvLayer | OffArrayNode) -> dict[str, Any]:
    if isinstance(layer, OffArrayNode):
        return {"name": layer.name, "op": layer.op, "status": str(layer.why), "reason": layer.reason}
    return {
        "name": layer.name,
        "op": layer.op,
        "status": "array",
        **layer_shapes(layer),
        "batch": layer.batch,
        "macs": layer.macs,
        "weights": layer.weights,
        "nonzero_weights": layer.nonzero_weights,
        "weight_bits": layer.weight_bits,
        "activation_bits": layer.activation_bits,
    }


@as_html.register
def _workload_html(workload: Workload) -> str:
    """Return the layers that run on the array as an HTML table."""
    headers = ("layer", "op", "input", "output", "kernel", "stride", "groups", "MACs", "weights")
    rows = []
    for layer in workload.conv_layers:
        shapes = [_cross(value) for value in layer_shapes(layer).values()]
        rows.append((layer.name, layer.op, *shapes, f"{layer.macs:,}", f"{layer.weights:,}"))
    return _html(_workload_line(workload), headers, rows)


@in_one_line.register
def _accelerator_line(accelerator: Accelerator) -> str:
    """Return an accelerator in one line."""
    array = accelerator.array
    return (
        f"Accelerator({accelerator.name}: {array.rows}x{array.cols} PEs of {array.word_bits} bits at "
        f"{array.clock_hz / 1e9:g} GHz, buffer of {accelerator.buffer.bytes / 1024:g} KiB, DRAM at "
        f"{accelerator.dram.bytes_per_second / 1e9:g} GB/s)"
    )


@as_records.register
def _accelerator_records(accelerator: Accelerator) -> list[dict[str, Any]]:
    """Return a flat dictionary for each number: its key, value, unit, origin and note."""
    records = []
    for key, value in accelerator.numbers.items():
        section, name = key.split(".")
        origin = accelerator.origins[key]
        unit = SCHEMA[section][name].unit
        records.append({"key": key, "value": value, "unit": unit, "origin": origin.kind, "note": origin.note})
    return records


@as_html.register
def _accelerator_html(accelerator: Accelerator) -> str:
    """Return every number as an HTML table."""
    headers = ("key", "value", "unit", "origin", "note")
    rows = [(*map(str, record.values()),) for record in _accelerator_records(accelerator)]
    return _html(f"{_accelerator_line(accelerator)} {accelerator.description}", headers, rows)


def _cross(value: int | list[int]) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _html(caption: str, headers: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; names come from files of strangers, so that every cell is escaped."""
    lines = ["".join(f"<td>{printable_html(cell)}</td>" for cell in row) for row in rows[:_MOST_ROWS]]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    head = "".join(f"<th>{printable_html(header)}</th>" for header in headers)
    more = f"<p>{len(rows) - _MOST_ROWS} more: <code>to_records()</code> has all</p>" if rows[_MOST_ROWS:] else ""
    return f"<p>{printable_html(caption)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

"""One layer of a simulation in full: both dataflows side by side, and where time and energy go."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from sqnxt_sim import Accelerator, Cycles, LayerCost, NetworkReport, OffArrayNode, TilingCost, VectorCost
from sqnxt_sim.machine.accelerator_schema import UNSTATED
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.tables import Cell, Table, percent


def explained_layer(report: NetworkReport, name: str) -> tuple[list[str], Table | None]:
    """Return the layer in lines, and its two dataflows as a table; the table is None where the array does not run it.

    Raises:
        SqnxtError: The network has no layer of that name.
    """
    layers = {layer.name: layer for layer in report.layers}
    if name not in layers:
        close = get_close_matches(name, layers, n=3, cutoff=0.3)
        meant = (
            f"did you mean {' or '.join(close)}?" if close else f"give one of its layers, such as {next(iter(layers))}"
        )
        raise SqnxtError(report.model, f"has no layer {name!r}", meant)
    layer = layers[name]
    if isinstance(layer, OffArrayNode):
        return [f"{layer.name} ({layer.op}) costs nothing: {layer.reason}"], None
    if isinstance(layer, VectorCost):
        return _vector_lines(layer), None
    return _layer_lines(layer), _dataflow_table(layer)


def _vector_lines(cost: VectorCost) -> list[str]:
    work = cost.layer.work
    bound = _words(cost.bound_by)
    lines = [f"{cost.name} ({cost.op}) runs on the vector unit: {cost.cycles:,.0f} cycles, bound by {bound}"]
    if work is not None:
        lines.append(
            f"{work.operations:,} operations on {work.values_read:,} values read and {work.values_written:,} written"
        )
    return lines


def _layer_lines(cost: LayerCost) -> list[str]:
    layer, roofline = cost.layer, cost.roofline
    kernel = f"{layer.kernel_height}x{layer.kernel_width}"
    stride = f"{layer.stride_height}x{layer.stride_width}"
    shapes = (
        f"{layer.in_height}x{layer.in_width}x{layer.in_channels} -> "
        f"{layer.out_height}x{layer.out_width}x{layer.out_channels}"
    )
    groups = f", {layer.groups} groups" if layer.groups > 1 else ""
    images = f", {layer.batch} images" if layer.batch > 1 else ""
    fits = "which fits" if cost.fits_buffer else "more than"
    return [
        f"{layer.name} ({layer.op}) on {cost.accelerator.name}: {shapes}, "
        f"kernel {kernel}, stride {stride}{groups}{images}",
        f"{layer.macs:,} MACs; {layer.weights:,} weights of {layer.weight_bits} bits, {cost.weight_sparsity:.1%} zero; "
        f"activations of {layer.activation_bits} bits",
        f"inputs, weights and outputs take {cost.working_set_bytes / 1e3:,.1f} KB, {fits} the buffer of "
        f"{cost.accelerator.buffer.bytes / 1e3:,.1f} KB",
        f"roofline: {roofline.macs_per_dram_byte:.1f} MACs for each DRAM byte allow "
        f"{roofline.attainable_macs_per_cycle:.1f} MACs a cycle; it does {roofline.macs_per_cycle:.1f}",
        *_unstated_lines(cost.accelerator),
    ]


def _unstated_lines(accelerator: Accelerator) -> list[str]:
    """Return a line about the numbers whose origin the accelerator's file does not state."""
    keys = [key for key, origin in accelerator.origins.items() if origin.kind == UNSTATED]
    if not keys:
        return []
    named = f"{len(keys)} numbers: {', '.join(keys)}" if len(keys) < len(accelerator.origins) else "its numbers"
    return [f"{accelerator.name} states no origin of {named}"]


def _dataflow_table(cost: LayerCost) -> Table:
    """Return a column for the chosen and the next best dataflow; cycles that others hide stand in brackets."""
    both = (cost.chosen,) if cost.rejected is None else (cost.chosen, cost.rejected)
    headers = [str(one.dataflow).replace("_", "-") for one in both]
    places = ("chosen", "rejected")
    table = Table(["<", *(f"{header} ({place})" for header, place in zip(headers, places, strict=False))])
    for label, cells in _rows(cost, both):
        table.add(label, *cells)
    return table


def _rows(cost: LayerCost, both: tuple[TilingCost, ...]) -> list[tuple[str, list[Cell]]]:
    return [*_time_rows(cost, both), *_place_rows(cost, both), *_energy_rows(cost, both)]


def _time_rows(cost: LayerCost, both: tuple[TilingCost, ...]) -> list[tuple[str, list[Cell]]]:
    batch = cost.layer.batch

    def cycles(part: str, *, hidden: Callable[[Cycles], bool] = lambda _: False) -> list[Cell]:
        """Return a part of the cycles, in brackets where it is hidden: array and DRAM work at the same time."""
        figures = [(one.cycles, round(batch * getattr(one.cycles, part))) for one in both]
        return [f"({figure:,})" if hidden(one) else figure for one, figure in figures]

    return [
        ("cycles", cycles("total")),
        ("  first load and last store", cycles("fill_drain")),
        ("  array, up to the last tile", cycles("overlapping_array", hidden=lambda one: one.waits_for_dram)),
        ("  DRAM bandwidth", cycles("dram_bandwidth", hidden=lambda one: not one.waits_for_dram)),
        ("  DRAM latency", cycles("dram_latency", hidden=lambda one: not one.waits_for_dram)),
        ("  array, last tile", cycles("last_tile")),
        ("array filling and draining", cycles("array_fill_drain")),
        ("bound by", [_words(one.cycles.bound_by) for one in both]),
        ("MACs executed (zeros skipped)", [round(batch * one.executed_macs) for one in both]),
        ("utilisation %", [percent(cost.utilisation_of(one)) for one in both]),
    ]


def _place_rows(cost: LayerCost, both: tuple[TilingCost, ...]) -> list[tuple[str, list[Cell]]]:
    tiles = [one.tiling for one in both]
    word_bytes = cost.accelerator.array.word_bits / 8
    return [
        ("tile: rows x cols x in x out", [f"{t.rows}x{t.cols}x{t.in_channels}x{t.out_channels}" for t in tiles]),
        *_mapping_rows(both),
        ("  buffer KB", [f"{one.buffer_words * word_bytes / 1e3:,.1f}" for one in both]),
        ("DRAM KB", [f"{cost.batch_bytes(one.dram_words) / 1e3:,.1f}" for one in both]),
    ]


def _mapping_rows(both: tuple[TilingCost, ...]) -> list[tuple[str, list[Cell]]]:
    """Return a row with the letters of a mapping, if a dataflow is row stationary."""
    mappings = [one.mapping for one in both]
    if not any(mappings):
        return []
    cells = [None if m is None else "/".join(str(getattr(m, letter)) for letter in "mnefpqrt") for m in mappings]
    return [("  mapping: m/n/e/f/p/q/r/t", list(cells))]


def _energy_rows(cost: LayerCost, both: tuple[TilingCost, ...]) -> list[tuple[str, list[Cell]]]:
    labels = {"total": "energy MMAC", "mac": "  MAC", "register_file": "  register file", "buffer": "  buffer"}
    labels["dram"] = "  DRAM"
    return [
        (label, [f"{cost.layer.batch * getattr(one.energy, part) / 1e6:,.3f}" for one in both])
        for part, label in labels.items()
    ]


def _words(value: object) -> str:
    return str(value).replace("_", " ")

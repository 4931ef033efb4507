"""Vela's estimate of a network on an NPU, beside the simulator's, in a table and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table

if TYPE_CHECKING:
    from sqnxt_tf.device.npu_layers import NpuLayers


def npu_table(layers: NpuLayers) -> Table:
    """Return one row for each layer that costs cycles, and one for each that is left to the CPU."""
    is_simulated = layers.accelerator is not None
    columns = ["<layer", "<op", "<on", "MACs", "Vela's estimate", *(["simulated", "ratio"] if is_simulated else [])]
    table = Table(columns, least_important=["MACs", "ratio", "op"])
    for layer in layers.layers:
        if layer.on_npu and not layer.vela_cycles:
            continue
        ours = layer.simulated_cycles
        ratio = f"{ours / layer.vela_cycles:.2f}" if ours is not None and layer.vela_cycles else None
        simulated = [None if ours is None else f"{ours:,.0f}", ratio] if is_simulated else []
        place = "NPU" if layer.on_npu else "CPU"
        table.add(layer.name, layer.op, place, f"{layer.macs:,}", f"{layer.vela_cycles:,}", *simulated)
    return table


def npu_lines(layers: NpuLayers) -> list[str]:
    """Return the totals, what is left to the CPU, and what the figures are."""
    estimate = layers.estimate
    lines = [
        f"{layers.path.name} on {estimate.npu}: {estimate.cycles:,} cycles, {estimate.milliseconds:.2f} ms at "
        f"{estimate.clock_hz / 1e6:,.0f} MHz, {estimate.sram_bytes:,} bytes of SRAM "
        f"(Vela {estimate.version}, {estimate.system}, {estimate.memory}): its compiler's estimate, not a measurement."
    ]
    if layers.simulated_cycles is None:
        lines.append(f"No preset describes {estimate.npu}, so nothing was simulated beside it.")
    else:
        ratio = layers.simulated_cycles / (estimate.cycles or 1)
        lines.append(f"Simulated here: {layers.simulated_cycles:,.0f} cycles, {ratio:.2f} times as many.")
    if left := estimate.cpu_operators:
        names = ", ".join(dict.fromkeys(left))
        hint = "; `export --io int8` removes them" if {*left} <= {"Quantize", "Dequantize"} else ""
        lines.append(f"Left to the CPU, and not in these figures: {len(left)} operators ({names}){hint}.")
    else:
        lines.append("No operator is left to the CPU.")
    return lines

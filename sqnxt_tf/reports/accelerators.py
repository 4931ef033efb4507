"""Accelerators as tables: one row for each preset, and every number of one of them with its origin."""

from __future__ import annotations

from collections.abc import Iterable

from sqnxt_sim import Accelerator
from sqnxt_tf.reports.tables import Table

_UNITS = {
    "array.word_bits": "bits",
    "array.multiplier_bits": "bits",
    "array.clock_hz": "Hz",
    "buffer.bytes": "bytes",
    "dram.bytes_per_second": "bytes/s",
    "dram.latency_cycles": "cycles",
    "dram.weight_index_bits": "bits",
    "dram.weight_stationary_index_bits": "bits",
    "energy.mac": "MACs",
    "energy.register_file": "MACs/word",
    "energy.buffer": "MACs/word",
    "energy.dram": "MACs/word",
    "energy.mac_pj": "pJ",
    "vector.operations_per_cycle": "1/cycle",
    "vector.operation_energy": "MACs",
}


def accelerators_table(accelerators: Iterable[Accelerator]) -> Table:
    """Return one row for each accelerator."""
    table = Table(
        ["<name", "PEs", "bits", "clock GHz", "buffer KB", "DRAM GB/s", "peak GMAC/s", "<vector unit", "<description"],
        least_important=["vector unit", "peak GMAC/s", "clock GHz", "bits"],
        beneath=["description"],
    )
    for one in accelerators:
        array = one.array
        peak = one.peak_macs_per_cycle * array.clock_hz / 1e9
        table.add(
            one.name,
            f"{array.rows}x{array.cols}",
            array.word_bits,
            f"{array.clock_hz / 1e9:g}",
            f"{one.buffer.bytes / 1024:g}",
            f"{one.dram.bytes_per_second / 1e9:g}",
            f"{peak:g}",
            "yes" if one.vector else "no",
            one.description,
        )
    return table


def accelerator_table(accelerator: Accelerator) -> Table:
    """Return every number of an accelerator with its unit, its origin and the note in its file."""
    table = Table(
        ["<key", "value", "<unit", "<origin", "<note"],
        title=f"{accelerator.name}: {accelerator.description}",
        beneath=["note"],
    )
    for key, value in accelerator.numbers.items():
        origin = accelerator.origins.get(key)
        table.add(key, f"{value:,g}", _UNITS.get(key, ""), origin.kind if origin else "", origin.note if origin else "")
    return table


def accelerator_json(accelerator: Accelerator) -> dict[str, object]:
    """Return one entry of the `accelerators` document: the numbers by section, each with its origin and note."""
    sections: dict[str, dict[str, object]] = {}
    for key, value in accelerator.numbers.items():
        section, name = key.split(".")
        origin = accelerator.origins[key]
        sections.setdefault(section, {})[name] = {"value": value, "origin": origin.kind, "note": origin.note or None}
    return {"name": accelerator.name, "description": accelerator.description, **sections}

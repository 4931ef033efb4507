"""Accelerators as tables: one row for each preset, and every number of one of them with its origin."""

from __future__ import annotations

from collections.abc import Iterable

from sqnxt_sim import Accelerator
from sqnxt_sim.machine.accelerator_schema import SCHEMA
from sqnxt_tf.reports.tables import Table


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
    if not accelerator.is_plain:
        table.add("dataflows", ", ".join(accelerator.dataflows), "", "", "")
    for key, value in accelerator.numbers.items():
        section, name = key.split(".")
        origin = accelerator.origins[key]
        shown = str(value).lower() if isinstance(value, bool) else f"{value:,g}"
        table.add(key, shown, SCHEMA[section][name].unit, origin.kind, origin.note)
    return table


def accelerator_json(accelerator: Accelerator) -> dict[str, object]:
    """Return one entry of the `accelerators` document: the numbers by section, each with its origin and note."""
    sections: dict[str, dict[str, object]] = {}
    for key, value in accelerator.numbers.items():
        section, name = key.split(".")
        origin = accelerator.origins[key]
        sections.setdefault(section, {})[name] = {"value": value, "origin": origin.kind, "note": origin.note or None}
    dataflows = list(map(str, accelerator.dataflows))
    return {"name": accelerator.name, "description": accelerator.description, "dataflows": dataflows, **sections}

"""Many accelerators as one whose numbers are vectors, so that a formula costs all of them at once.

`Accelerator` and its parts have numbers; here they have float64 or int64 [accelerators] in the same fields wherever the
accelerators differ. The formulas of this folder are arithmetic and take both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from sqnxt_sim.machine.accelerator import Accelerator, Dram, PEArray
from sqnxt_sim.machine.axes import Ints
from sqnxt_sim.machine.on_chip import GlobalBuffer

Vectors: TypeAlias = dict[str, dict[str, Any]]
"""Arrays of numbers by section and name."""

_NUMBERS: dict[str, tuple[str, ...]] = {
    "array": ("rows", "cols", "partial_sums_per_pe", "clock_hz"),
    "buffer": ("bytes", "capacity_divisor"),
    "dram": ("bytes_per_second", "latency_cycles"),
    "energy": ("mac", "register_file", "buffer", "dram"),
    "vector": ("operations_per_cycle", "operation_energy"),
}
"""Numbers in which accelerators may differ that are costed at once."""


_OTHERS = attrgetter(
    *(
        f"{section}.{field.name}"
        for section, part in (("array", PEArray), ("buffer", GlobalBuffer), ("dram", Dram))
        for field in fields(part)
        if field.name not in _NUMBERS[section]
    )
)


def kind(accelerator: Accelerator) -> object:
    """Return what plain accelerators must have in common to be costed at once: all but their names and `_NUMBERS`."""
    return accelerator.vector is None, *_OTHERS(accelerator)


def stacked(accelerators: Sequence[Accelerator]) -> Accelerator:
    """Return accelerators of one `kind` as a single one."""
    changes: Vectors = {}
    for section, names in _NUMBERS.items():
        if getattr(accelerators[0], section) is not None:
            for name in names:
                values = list(map(attrgetter(f"{section}.{name}"), accelerators))
                if values.count(values[0]) < len(values):
                    changes.setdefault(section, {})[name] = np.array(values)
    return _changed(accelerators[0], changes)


def vectors(accelerator: Accelerator) -> Vectors:
    """Return the numbers of a stacked accelerator that are vectors."""
    found: Vectors = {}
    for section, names in _NUMBERS.items():
        part = getattr(accelerator, section)
        values = {name: getattr(part, name) for name in names} if part is not None else {}
        if differing := {name: value for name, value in values.items() if isinstance(value, np.ndarray)}:
            found[section] = differing
    return found


def taken(accelerator: Accelerator, differing: Vectors, indices: Ints) -> Accelerator:
    """Return a stacked accelerator with the values at some indices, which may come again, of its `vectors`."""
    return _changed(
        accelerator,
        {section: {name: value.take(indices) for name, value in part.items()} for section, part in differing.items()},
    )


def _changed(accelerator: Accelerator, changes: Vectors) -> Accelerator:
    parts: dict[str, Any] = {}
    for section, values in changes.items():
        part = getattr(accelerator, section)
        parts[section] = part and replace(part, **values)
    return replace(accelerator, **parts)

"""Accelerators as TOML files: every number has an origin and is checked when the file is read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.machine.accelerator import (
    Accelerator,
    Dram,
    EnergyTable,
    GlobalBuffer,
    Origin,
    PEArray,
    VectorUnit,
)

ORIGINS = ("paper", "published", "chosen", "fitted")
"""Allowed origins of a number; its note may name the source."""

_PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """Allowed range of one entry."""

    low: float
    high: float
    whole: bool = False
    optional: bool = False

    def __str__(self) -> str:
        return f"{'a whole number' if self.whole else 'a number'} in {self.low:g}..{self.high:g}"

    def accepts(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return self.low <= value <= self.high


_SCHEMA: dict[str, dict[str, _Number]] = {
    "array": {
        "rows": _Number(low=1, high=1024, whole=True),
        "cols": _Number(low=1, high=1024, whole=True),
        "word_bits": _Number(low=1, high=64, whole=True),
        "partial_sums_per_pe": _Number(low=1, high=65536, whole=True),
        "clock_hz": _Number(low=1e3, high=1e11),
        "multiplier_bits": _Number(low=1, high=64, whole=True, optional=True),
        "multipliers_per_pe": _Number(low=1, high=1024, whole=True, optional=True),
    },
    "buffer": {
        "bytes": _Number(low=64, high=2**40, whole=True),
        "capacity_divisor": _Number(low=1, high=64),
    },
    "dram": {
        "bytes_per_second": _Number(low=1e3, high=1e15),
        "latency_cycles": _Number(low=0, high=1e6),
        "weight_index_bits": _Number(low=0, high=64, optional=True),
        "weight_stationary_index_bits": _Number(low=0, high=64, optional=True),
    },
    "energy": {
        "mac": _Number(low=0, high=1e6),
        "register_file": _Number(low=0, high=1e6),
        "buffer": _Number(low=0, high=1e6),
        "dram": _Number(low=0, high=1e6),
        "mac_pj": _Number(low=0, high=1e6, optional=True),
    },
    "vector": {
        "operations_per_cycle": _Number(low=1e-3, high=1e6),
        "operation_energy": _Number(low=0, high=1e6),
    },
}
_OPTIONAL_SECTIONS = ("vector",)
_GONE = ("layer_overhead_cycles", "search")  # with model 1 of the accelerator


@cache
def list_accelerators() -> tuple[str, ...]:
    """Return the names of the presets that come with the package."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.toml")))


def load_accelerator(name_or_path: str | Path) -> Accelerator:
    """Load a preset by its name, or an accelerator file by its path.

    Args:
        name_or_path: One of `list_accelerators()`, or a path that ends with `.toml` or contains a folder.

    Raises:
        SimulatorError: The preset or file does not exist, the file is not TOML, or an entry is missing, unknown or out
            of range.
    """
    text = accelerator_text(name_or_path)
    path = _path(name_or_path)
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        raise SimulatorError(path, f"not TOML ({error})", "correct the file, or start from a preset") from error
    return _accelerator(table, path)


def accelerator_text(name_or_path: str | Path) -> str:
    """Return the TOML text of a preset or an accelerator file, unchecked; it can serve as a template.

    Raises:
        SimulatorError: The preset or file does not exist, or is not text.
    """
    path = _path(name_or_path)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SimulatorError(path, f"cannot be read ({error.strerror})", "name an accelerator file") from error
    except ValueError as error:
        raise SimulatorError(path, f"not TOML ({error})", "correct the file, or start from a preset") from error


def _path(name_or_path: str | Path) -> Path:
    if str(name_or_path) in list_accelerators():
        return _PRESETS / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix != ".toml" and len(path.parts) <= 1:
        raise SimulatorError(
            f"accelerator {str(name_or_path)!r}",
            "is not known",
            f"use one of {', '.join(list_accelerators())}, or a .toml file",
        )
    return path


def _accelerator(table: Mapping[str, Any], path: Path) -> Accelerator:
    _refuse_unknown(table, {"name", "description", *_SCHEMA}, f"{path}: the file")
    for key in ("name", "description"):
        if key not in table:
            raise SimulatorError(path, f"{key} is missing", "add it, as in a preset")
        if not isinstance(table.get(key), str):
            raise SimulatorError(path, f"{key} is {table[key]!r}", "it must be a string")
    origins: dict[str, Origin] = {}
    wanted = [name for name in _SCHEMA if name in table or name not in _OPTIONAL_SECTIONS]
    sections = {name: _section(table.get(name), name, path, origins) for name in wanted}
    return Accelerator(
        name=table["name"],
        description=table["description"],
        array=PEArray(**sections["array"]),
        buffer=GlobalBuffer(**sections["buffer"]),
        dram=Dram(**sections["dram"]),
        energy=EnergyTable(**sections["energy"]),
        vector=VectorUnit(**sections["vector"]) if "vector" in sections else None,
        origins=origins,
    )


def _section(section: object, name: str, path: Path, origins: dict[str, Origin]) -> dict[str, Any]:
    """Return the numbers of one section, and add their origins to `origins`."""
    if section is None:
        raise SimulatorError(path, f"section [{name}] is missing", "add it, as in a preset")
    if not isinstance(section, dict):
        raise SimulatorError(path, f"{name} is {section!r}", f"it must be a section [{name}], as in a preset")
    schema = _SCHEMA[name]
    _refuse_unknown(section, set(schema), f"{path}: [{name}]")
    values: dict[str, Any] = {}
    for key, number in schema.items():
        if key in section or not number.optional:
            values[key], origins[f"{name}.{key}"] = _entry(section.get(key), number, f"{path}: {name}.{key}")
    return values


def _entry(entry: object, number: _Number, where: str) -> tuple[float, Origin]:
    """Return one number and its origin."""
    if entry is None:
        raise _entry_error(where, "is missing", f'add it as {{ value = {number}, origin = "..." }}')
    if not isinstance(entry, dict) or not {"value", "origin"} <= set(entry):
        raise _entry_error(where, f"is {entry!r}", f'it must be {{ value = {number}, origin = "..." }}')
    _refuse_unknown(entry, {"value", "origin", "note"}, where)
    if not number.accepts(entry["value"]):
        raise _entry_error(where, f"is {entry['value']!r}", f"it must be {number}")
    if entry["origin"] not in ORIGINS:
        raise _entry_error(where, f"has origin {entry['origin']!r}", f"it must be one of {', '.join(ORIGINS)}")
    if not isinstance(entry.get("note", ""), str):
        raise _entry_error(where, f"has note {entry['note']!r}", "it must be a string")
    return entry["value"], Origin(entry["origin"], entry.get("note", ""))


def _entry_error(where: str, fault: str, remedy: str) -> SimulatorError:
    """Return an error about an entry that `where` names as `FILE: ENTRY`."""
    file, _, entry = where.rpartition(": ")
    return SimulatorError(file, f"{entry} {fault}", remedy)


def _refuse_unknown(table: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key in _GONE:
            raise _entry_error(where, f"has {key!r}, which went away with model 2 of the accelerator", "delete it")
        if key not in known:
            raise _entry_error(where, f"has an unknown key {key!r}", f"known are {', '.join(sorted(known))}")

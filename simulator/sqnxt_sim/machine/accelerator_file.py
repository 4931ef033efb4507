"""Accelerators as TOML files: every number is checked when the file is read, and may state its origin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sqnxt_base.toml_text import parse_toml
from sqnxt_base.user_files import UnreadableTextError, read_text, reason_of
from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.machine.accelerator import (
    Accelerator,
    Dram,
    EnergyTable,
    Origin,
    PEArray,
)
from sqnxt_sim.machine.accelerator_entries import Flag, Number
from sqnxt_sim.machine.accelerator_faults import Faults
from sqnxt_sim.machine.accelerator_schema import OPTIONAL_SECTIONS, ORIGINS, SCHEMA, UNSTATED
from sqnxt_sim.machine.declared_dataflows import declared_dataflows
from sqnxt_sim.machine.on_chip import GlobalBuffer, OutputBlocks, Scratchpad, VectorUnit

_LARGEST_FILE = 256 << 10  # bytes
_PRESETS = Path(__file__).parent / "presets"


@cache
def list_accelerators() -> tuple[str, ...]:
    """Return the names of the presets that come with the package."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.toml")))


def load_accelerator(name_or_path: str | Path) -> Accelerator:
    """Load a preset by its name, or an accelerator file by its path.

    Args:
        name_or_path: One of `list_accelerators()`, or a path that ends with `.toml` or contains a folder.

    Raises:
        SimulatorError: The preset or file does not exist, the file is not TOML, or entries are missing, unknown or out
            of range; the error names all of them.
    """
    text = accelerator_text(name_or_path)
    path = _path(name_or_path)
    try:
        table = parse_toml(text)
    except UnreadableTextError as error:
        raise _not_toml(path, error) from error
    return _accelerator(table, path)


def accelerator_text(name_or_path: str | Path) -> str:
    """Return the TOML text of a preset or an accelerator file, unchecked; it can serve as a template.

    Raises:
        SimulatorError: The preset or file does not exist, or is not text.
    """
    path = _path(name_or_path)
    try:
        return read_text(path, _LARGEST_FILE)
    except UnreadableTextError as error:
        raise _not_toml(path, error) from error
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        raise SimulatorError(path, f"cannot be read ({reason_of(error)})", "name an accelerator file") from error


def _not_toml(path: Path, error: UnreadableTextError) -> SimulatorError:
    return SimulatorError(path, f"not TOML ({error})", "correct the file, or start from a preset")


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
    """Return the accelerator of a file's table; all faults of the table are reported in one error."""
    faults = Faults(path)
    entries = faults.known_entries(table, ("name", "description", "dataflows", *SCHEMA), "the file")
    texts = {key: _text(entries.get(key), key, faults) for key in ("name", "description")}
    origins: dict[str, Origin] = {}
    wanted = [name for name in SCHEMA if name in entries or name not in OPTIONAL_SECTIONS]
    sections = {name: _section(entries.get(name), name, faults, origins) for name in wanted}
    dataflows = declared_dataflows(entries.get("dataflows"), sections, faults)
    faults.raise_if_any()
    return Accelerator(
        **texts,
        dataflows=dataflows,
        array=PEArray(**sections["array"]),
        buffer=GlobalBuffer(**sections["buffer"]),
        dram=Dram(**sections["dram"]),
        energy=EnergyTable(**sections["energy"]),
        vector=VectorUnit(**sections["vector"]) if "vector" in sections else None,
        scratchpad=Scratchpad(**sections["scratchpad"]) if "scratchpad" in sections else None,
        blocks=OutputBlocks(**sections["blocks"]) if "blocks" in sections else None,
        origins=origins,
    )


def _text(value: object, key: str, faults: Faults) -> str:
    if value is None:
        faults.add(f"{key} is missing", "add it, as in a preset")
    elif not isinstance(value, str):
        faults.add(f"{key} is {value!r}", "it must be a string")
    return str(value)


def _section(section: object, name: str, faults: Faults, origins: dict[str, Origin]) -> dict[str, Any]:
    """Return the numbers of one section, and add their origins to `origins` and what is wrong to `faults`."""
    if section is None:
        faults.add(f"section [{name}] is missing", "add it, as in a preset")
        return {}
    if not isinstance(section, dict):
        faults.add(f"{name} is {section!r}", f"it must be a section [{name}], as in a preset")
        return {}
    entries = faults.known_entries(section, SCHEMA[name], f"[{name}]")
    values: dict[str, Any] = {}
    for key, number in SCHEMA[name].items():
        if key in entries or not number.optional:
            where = f"{name}.{key}"
            values[key], origins[where] = _entry(entries.get(key), number, where, faults)
    return values


def _entry(entry: object, number: Number | Flag, where: str, faults: Faults) -> tuple[Any, Origin]:
    """Return one number and its origin, and add what is wrong with them to `faults`.

    A plain number, as in `rows = 16`, states no origin.
    """
    if entry is None:
        faults.add(f"{where} is missing", f"add {number}, as in `{where.partition('.')[2]} = {number.example}`")
        return None, Origin(UNSTATED)
    stated = faults.known_entries(entry, ("value", "origin", "note"), where) if isinstance(entry, dict) else {}
    value = stated.get("value") if isinstance(entry, dict) else entry
    origin, note = stated.get("origin", UNSTATED), stated.get("note", "")
    if not number.accepts(value):
        faults.add(f"{where} is {value!r}" if value is not None else f"{where} has no value", f"it must be {number}")
    if origin not in (*ORIGINS, UNSTATED):
        faults.add(f"{where} has origin {origin!r}", f"it must be one of {', '.join(ORIGINS)}, or be left out")
    if not isinstance(note, str):
        faults.add(f"{where} has note {note!r}", "it must be a string")
    return value, Origin(str(origin), str(note))

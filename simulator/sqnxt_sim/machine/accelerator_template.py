"""A new accelerator file to start from: every key with its meaning, unit and range above it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from sqnxt_sim.machine.accelerator import Accelerator, Origin
from sqnxt_sim.machine.accelerator_entries import Flag, Number
from sqnxt_sim.machine.accelerator_file import load_accelerator
from sqnxt_sim.machine.accelerator_schema import OPTIONAL_SECTIONS, ORIGINS, SCHEMA

_WIDTH = 110
_EXAMPLES = {"operations_per_cycle": 16, "operation_energy": 1, "multiplier_bits": 8, "multipliers_per_pe": 1}
_EXAMPLES |= {
    "window_operations_per_cycle": 32,
    "weight_index_bits": 4,
    "weight_stationary_index_bits": 4,
    "activation_index_bits": 4,
    "mac_pj": 1,
}
_EXAMPLES |= {f"{operand}_bytes": 32768 for operand in ("input", "weight", "output")}
_EXAMPLES |= {f"{operand}_words_per_cycle": 16 for operand in ("input", "weight", "output")}
_EXAMPLES |= {"weight_bytes_per_second": 500000000}
"""Values that the commented lines of optional keys show where the base has none."""


def accelerator_template(base: str | Path = "squeezelerator-16x16", *, name: str = "my-array") -> str:
    """Return the TOML text of a new accelerator with the numbers of `base`, to be changed by hand.

    Numbers are plain, because an origin that is true of `base` is no longer true of a number that was changed; the
    comment above a number says where the base has it from. Optional keys that the base does without are commented out.

    Args:
        base: A preset's name, or an accelerator file.
        name: Name of the new accelerator.

    Raises:
        SimulatorError: `base` does not exist or has faults.
    """
    accelerator = load_accelerator(base)
    lines = [
        f"# An accelerator to start from: the numbers are those of {accelerator.name}. Change what differs, then run",
        f"# `sqnxt-tf simulate NETWORK --accelerator {name}.toml`.",
        "# A number may stay plain, or state its origin:",
        '#     rows = { value = 16, origin = "chosen", note = "as many as the budget allows" }',
        f"# Origins are {', '.join(ORIGINS)}. Lines such as `# key = 1` are optional.",
        f"name = {json.dumps(name, ensure_ascii=False)}",
        f"description = {json.dumps(f'started from {accelerator.name}', ensure_ascii=False)}",
        f"dataflows = {json.dumps(accelerator.dataflows)}",
    ]
    for section in SCHEMA:
        lines += ["", *_section_lines(section, accelerator)]
    return "\n".join(lines) + "\n"


def _section_lines(section: str, accelerator: Accelerator) -> Iterator[str]:
    absent = section in OPTIONAL_SECTIONS and getattr(accelerator, section) is None
    if absent:
        yield f"# This section is optional as a whole. {OPTIONAL_SECTIONS[section]}"
    yield f"# [{section}]" if absent else f"[{section}]"
    for key, number in SCHEMA[section].items():
        origin = accelerator.origins.get(f"{section}.{key}")
        yield from (f"# {line}" for line in wrap(_comment(number, origin, accelerator.name), _WIDTH))
        if origin is None:
            yield f"# {key} = {_EXAMPLES.get(key, number.example)}"
        else:
            yield f"{key} = {_plain(accelerator.numbers[f'{section}.{key}'])}"


def _comment(number: Number | Flag, origin: Origin | None, base: str) -> str:
    limits = f"{number.unit}, {number}" if number.unit else str(number)
    source = "" if origin is None else f"; {origin.kind} in {base}{f': {origin.note}' if origin.note else ''}"
    return f"{number.meaning} [{limits}]{source}"


def _plain(value: float) -> str:
    """Return a number as TOML; one of many digits in exponential notation, if that is exact."""
    if isinstance(value, bool):
        return str(value).lower()
    short = f"{value:g}"
    return short if isinstance(value, float) and float(short) == value else repr(value)

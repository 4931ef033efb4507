"""Nested rows as flat ones, for CSV and for data frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat_row(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested dictionaries and lists: keys and places are joined by dots, and None is left out.

    Example: `{"cost": {"dram": 3, "array": None}, "kernel": [3, 1]}` is
    `{"cost.dram": 3, "kernel.0": 3, "kernel.1": 1}`.
    """
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= flat_row(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat |= flat_row({str(place): item for place, item in enumerate(value)}, f"{prefix}{name}.")
        elif value is not None:
            flat[prefix + name] = value
    return flat

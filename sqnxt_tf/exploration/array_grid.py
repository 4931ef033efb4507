"""Grids of accelerators: a base, and values for some numbers of its file, as in `array.rows=8,16,32`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import product
from math import prod
from typing import Any

from sqnxt_base.quantities import parse_quantity
from sqnxt_sim import Accelerator, Origin
from sqnxt_sim.machine.accelerator_entries import Number
from sqnxt_sim.machine.accelerator_schema import SCHEMA
from sqnxt_tf.errors import SqnxtError

Values = str | Sequence[float]
"""Values of one number: a list, or a text such as `8,16,32`, `8..64:8` or `1K..64K*2`."""

_MOST_ARRAYS = 100_000
_MOST_VALUES = 10_000  # of one number
_RANGE = re.compile(r"(?P<first>[^.]+(?:\.\d+)?)\.\.(?P<last>[^:*]+)(?:(?P<kind>[:*])(?P<step>.+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayGrid:
    """Accelerators that differ in the numbers of `dimensions`; the last dimension varies fastest.

    Attributes:
        base: The accelerator with all other numbers.
        dimensions: Values of each number, by "section.key".
    """

    base: Accelerator
    dimensions: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, base: Accelerator, dimensions: Mapping[str, Values]) -> ArrayGrid:
        """Return the grid of a base and of values, and check them.

        Raises:
            SqnxtError: A key is not known, a value is out of range or given twice, or there are too many accelerators.
        """
        if not dimensions:
            raise SqnxtError("sweep", "has no dimension", "give one, as in array.rows=8,16,32")
        checked = {key: _checked(key, values, base) for key, values in dimensions.items()}
        size = prod(map(len, checked.values()))
        if size > _MOST_ARRAYS:
            raise SqnxtError("sweep", f"has {size:,} accelerators", f"leave some out: {_MOST_ARRAYS:,} are the most")
        return cls(base=base, dimensions=checked)

    @property
    def points(self) -> list[dict[str, float]]:
        """The values of each accelerator by "section.key"."""
        return [dict(zip(self.dimensions, chosen, strict=True)) for chosen in product(*self.dimensions.values())]

    @property
    def accelerators(self) -> list[Accelerator]:
        """The accelerators, in the order of `points`."""
        origins = {**self.base.origins, **dict.fromkeys(self.dimensions, Origin("chosen", "swept"))}
        base = replace(self.base, origins=origins)
        return [_changed(base, point) for point in self.points]


def parse_dimension(text: str) -> tuple[str, str]:
    """Return key and values of a text such as `array.rows=8,16,32`.

    Raises:
        SqnxtError: The text is not of that form.
    """
    key, equals, values = text.partition("=")
    if not equals:
        raise SqnxtError(
            f"sweep {text!r}", "has no values", "give a number of an accelerator, as in array.rows=8,16,32"
        )
    return key.strip(), values.strip()


def _changed(base: Accelerator, point: Mapping[str, float]) -> Accelerator:
    sections: dict[str, dict[str, float]] = {}
    for name, value in point.items():
        section, key = name.split(".")
        sections.setdefault(section, {})[key] = value
    parts: dict[str, Any] = {name: replace(getattr(base, name), **numbers) for name, numbers in sections.items()}
    return replace(base, **parts)


def _checked(name: str, values: Values, base: Accelerator) -> tuple[float, ...]:
    """Return the values of one dimension as numbers of its kind."""
    number = _number(name)
    section = name.split(".", maxsplit=1)[0]
    if getattr(base, section) is None:
        raise SqnxtError(f"sweep of {name}", f"{base.name} has no section [{section}]", "take another accelerator")
    listed = _parsed(name, values, number) if isinstance(values, str) else list(values)
    whole = [
        int(value) if number.whole and isinstance(value, float) and value.is_integer() else value for value in listed
    ]
    for value in whole:
        if not number.accepts(value):
            raise SqnxtError(f"sweep of {name}", f"{value!r} is out of range", f"give {number}")
    if not whole or len(set(whole)) < len(whole):
        raise SqnxtError(f"sweep of {name}", "has no value, or one twice", "name each value once")
    return tuple(whole)


def _number(name: str) -> Number:
    known = {
        f"{section}.{key}": entry
        for section, entries in SCHEMA.items()
        for key, entry in entries.items()
        if isinstance(entry, Number)
    }
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5) or [key for key in known if key.endswith(f".{name}")]
        remedy = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
        raise SqnxtError(f"sweep of {name!r}", "is not a number of an accelerator file", remedy)
    return known[name]


def _parsed(name: str, text: str, number: Number) -> list[float]:
    """Return the numbers of `8,16`, `8..64:8` (in steps of 8) or `8..64*2` (doubled); both ends are included."""
    # An architect's 64 KB buffer has 65,536 bytes; 2 GB/s and 500 MHz are decimal.
    thousand = 1024 if number.unit == "bytes" else 1000
    values: list[float] = []
    for part in (part.strip() for part in text.split(",")):
        span = _RANGE.fullmatch(part)
        if span is None:
            values.append(_quantity(name, part, thousand))
            continue
        first, last = (_quantity(name, span[end], thousand) for end in ("first", "last"))
        step = _quantity(name, span["step"] or "1", thousand)
        values += _span(f"sweep of {name}", first, last, step, doubling=span["kind"] == "*")
    return values


def _span(where: str, first: float, last: float, step: float, *, doubling: bool) -> list[float]:
    if last < first or step <= (1 if doubling else 0) or (doubling and first <= 0):
        raise SqnxtError(where, "has a range without an end", "write it as in 8..64:8, or 8..64*2 for 8, 16, 32, 64")
    values = [first]
    while len(values) <= _MOST_VALUES:
        following = values[-1] * step if doubling else first + len(values) * step
        if following > last * (1 + 1e-12):
            return values
        values.append(following)
    raise SqnxtError(where, f"has more than {_MOST_VALUES:,} values", "take larger steps")


def _quantity(name: str, text: str, thousand: int) -> float:
    try:
        return parse_quantity(text, thousand)
    except ValueError:
        fault = f"{text.strip()!r} is not a number"
        raise SqnxtError(f"sweep of {name}", fault, "give numbers as in 8,16,32, 64K, 8..64:8 or 1K..64K*2") from None

"""The values in a space's file: one number or word, a list of them, or a range."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqnxt_tf.errors import SqnxtError

Value = int | float | str | bool
"""A value of a dimension."""
_MOST_VALUES = 1000  # of one dimension


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that a dimension may have, and its values if the file does not give any."""

    low: float
    high: float
    whole: bool
    default: tuple[Value, ...] = ()

    def __str__(self) -> str:
        return f"{'whole numbers' if self.whole else 'numbers'} in {self.low:g}..{self.high:g}"

    def accepts(self, value: object) -> bool:
        """Return whether a value is allowed."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Words:
    """A dimension of words that match a pattern, or of booleans if there is no pattern."""

    pattern: str | None
    says: str
    default: tuple[Value, ...] = ()

    def __str__(self) -> str:
        return self.says

    def accepts(self, value: object) -> bool:
        """Return whether a value is allowed."""
        if self.pattern is None:
            return isinstance(value, bool)
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


def read_values(entry: object, kind: Numbers | Words, where: str) -> tuple[Value, ...]:
    """Return the values of an entry: one value, a list, or `{ from, to, step }` with both ends included.

    Raises:
        SqnxtError: A value is not allowed or given twice, or there are too many or none.
    """
    values: list[Any]
    if isinstance(entry, dict):
        values = list(_span(entry, kind, where))
    else:
        values = list(entry) if isinstance(entry, list) else [entry]
    if not values or len(values) > _MOST_VALUES or not all(map(kind.accepts, values)):
        raise entry_error(
            where, f"is {short(entry)}", f"give {kind}: one, a list of 1 to {_MOST_VALUES}, or {{ from, to }}"
        )
    if len(set(values)) < len(values):
        raise entry_error(where, f"is {short(entry)}", "name each value once")
    return tuple(values)


def _span(entry: Mapping[str, Any], kind: Numbers | Words, where: str) -> range:
    """Return the whole numbers of `{ from, to, step }`."""
    refuse_unknown(entry, ("from", "to", "step"), where)
    begin, end, step = (entry.get(key, default) for key, default in (("from", None), ("to", None), ("step", 1)))
    whole = all(isinstance(number, int) for number in (begin, end, step))
    if not (isinstance(kind, Numbers) and whole and kind.accepts(begin) and kind.accepts(end) and step >= 1):
        raise entry_error(
            where, f"is {short(entry)}", f"give {{ from, to, step }} in whole numbers, or a list of {kind}"
        )
    if (end - begin) // step >= _MOST_VALUES:
        raise entry_error(where, f"has more than {_MOST_VALUES} values", "leave some out")
    return range(begin, end + 1, step)


def narrowed(dimensions: Mapping[str, tuple[Value, ...]], name: str, wanted: Sequence[str]) -> tuple[Value, ...]:
    """Return the wanted values of a dimension, which are given as text.

    Raises:
        SqnxtError: The dimension does not have such a value.
    """
    words = {str(value).lower(): value for value in dimensions.get(name, ())}
    if not wanted or not {word.lower() for word in wanted} <= set(words):
        known = f"some of {short(', '.join(words))}" if words else f"a dimension: {', '.join(dimensions)}"
        raise SqnxtError(f"dimension {name}={','.join(wanted)}", "is not in the space", f"name {known}")
    return tuple(words[word] for word in dict.fromkeys(word.lower() for word in wanted))


def entry_error(where: str, fault: str, remedy: str) -> SqnxtError:
    """Return an error about an entry, from `FILE: ENTRY`."""
    file, _, entry = where.rpartition(": ")
    return SqnxtError(file, f"{entry} {fault}", remedy) if file else SqnxtError(entry, fault, remedy)


def short(entry: object) -> str:
    """Return an entry as a message shows it."""
    text = repr(entry)
    return text if len(text) <= 80 else f"{text[:77]}..."


def refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse a table with a key that is not known.

    Raises:
        SqnxtError: The table has one.
    """
    for key in table:
        if key not in known:
            raise entry_error(where, f"has an unknown key {key!r}", f"known are {', '.join(known)}")

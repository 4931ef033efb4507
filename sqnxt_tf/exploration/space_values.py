"""What may stand in a space's file: numbers and words, one, a list of them, or a range."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.space import Value

_MOST_VALUES = 1000  # of one dimension


@dataclass(frozen=True, slots=True)
class Numbers:
    """A dimension of numbers: what each may be, and what the dimension is where it is not given."""

    low: float
    high: float
    whole: bool
    default: tuple[Value, ...] = ()

    def __str__(self) -> str:
        return f"{'whole numbers' if self.whole else 'numbers'} in {self.low:g}..{self.high:g}"

    def accepts(self, value: object) -> bool:
        """Whether a value is one of them."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Words:
    """A dimension of words that fit a pattern, or of truths where there is none."""

    pattern: str | None
    says: str
    default: tuple[Value, ...] = ()

    def __str__(self) -> str:
        return self.says

    def accepts(self, value: object) -> bool:
        """Whether a value is one of them."""
        if self.pattern is None:
            return isinstance(value, bool)
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


def read_values(entry: object, kind: Numbers | Words, where: str) -> tuple[Value, ...]:
    """A value, a list of them, or `{ from, to, step }`, both ends included."""
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
    """The whole numbers of `{ from, to, step }`."""
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
    """Those values of a dimension that are wanted, by the words for them."""
    words = {str(value).lower(): value for value in dimensions.get(name, ())}
    if not wanted or not {word.lower() for word in wanted} <= set(words):
        known = f"some of {short(', '.join(words))}" if words else f"a dimension: {', '.join(dimensions)}"
        raise SqnxtError(f"only {name}={','.join(wanted)}", "is not in the space", f"name {known}")
    return tuple(words[word] for word in dict.fromkeys(word.lower() for word in wanted))


def entry_error(where: str, fault: str, remedy: str) -> SqnxtError:
    """Return an error about an entry, from `FILE: ENTRY`."""
    file, _, entry = where.rpartition(": ")
    return SqnxtError(file, f"{entry} {fault}", remedy) if file else SqnxtError(entry, fault, remedy)


def short(entry: object) -> str:
    """An entry as a message shows it."""
    text = repr(entry)
    return text if len(text) <= 80 else f"{text[:77]}..."


def refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse a key that means nothing.

    Raises:
        SqnxtError: There is one.
    """
    for key in table:
        if key not in known:
            raise entry_error(where, f"has an unknown key {key!r}", f"known are {', '.join(known)}")

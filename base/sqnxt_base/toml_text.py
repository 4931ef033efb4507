"""The one reader of TOML from files of users: size, depth and keys are checked before anything is parsed.

The parser of the standard library takes time and memory with the square of the dots in a key, nests as deep as the file
says, and turns a hexadecimal number of a megabyte into an integer that cannot be printed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from sqnxt_base.user_files import UnreadableTextError, as_text

_MOST_BYTES = 256 << 10
_DEEPEST = 16
"""Levels of lists and tables, and parts of a dotted key; files of ours have four."""
_MOST_ENTRIES = 2_000
_LONGEST_TEXT, _LONGEST_KEY = 4096, 256
_LARGEST_WHOLE = 1 << 63  # as TOML itself demands
_TOKEN = re.compile(
    r"""
    (?P<text>"{3}(?:\\.|[^\\])*?(?:"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|"(?:[^"\\\n]++|\\[^\n])*+"?|'[^'\n]*+'?)
    |(?P<comment>\#[^\n]*+)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<dot>\.)|(?P<equals>=)
    |(?P<word>[\w+-]++)|(?P<blank>[ \t]++)|(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def parse_toml(text: str | bytes, *, most_bytes: int = _MOST_BYTES) -> dict[str, Any]:
    """Parse TOML from anyone.

    Args:
        text: The TOML, in UTF-8 if bytes.
        most_bytes: The largest size that is parsed.

    Raises:
        UnreadableTextError: It is not TOML; it is larger, nested deeper or has more entries than any file of settings;
            it holds an integer that is no 64-bit number or a text of more than 4,096 characters; or it takes more
            memory than there is.
    """
    if len(text) > most_bytes:
        raise UnreadableTextError(f"larger than {most_bytes:,} bytes")
    try:
        text = as_text(text) if isinstance(text, bytes) else text
        _check_shape(text)
        table = tomllib.loads(text)
        _check_values(table)
        return table
    except UnreadableTextError:
        raise
    except ValueError as error:  # tomllib's own error, and what `int` and `datetime` raise
        raise UnreadableTextError(str(error)) from None
    except RecursionError:
        raise UnreadableTextError("nested too deep") from None
    except MemoryError:
        raise UnreadableTextError("it takes more memory than there is") from None


def _check_shape(text: str) -> None:
    """Refuse what is nested too deep or has too many entries or dots, without parsing it.

    Raises:
        UnreadableTextError: It has.
    """
    depth = dots = entries = 0
    for kind, line, length in _tokens(text):
        if kind == "dot":
            dots += 1
        elif kind not in ("word", "text", "blank"):
            dots = 0
        depth += (kind == "open") - (kind == "close")
        entries += kind == "equals" or (kind == "open" and depth == 1)  # an entry, or the header of a table
        if kind == "word" and length > _LONGEST_KEY:
            raise UnreadableTextError(f"a key or a number of {length:,} characters in line {line}")
        if max(depth, dots) > _DEEPEST:
            raise UnreadableTextError(f"nested more than {_DEEPEST} levels deep in line {line}")
        if entries > _MOST_ENTRIES:
            raise UnreadableTextError(f"more than {_MOST_ENTRIES:,} entries")


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield kind, line and length of what a file consists of, up to its first fault as tomllib divides it."""
    line = 1
    for match in _TOKEN.finditer(text):
        yield str(match.lastgroup), line, len(match[0])
        line += match[0].count("\n")


def _check_values(value: Any) -> None:
    """Refuse what no setting can be: integers of more than 64 bits, which cannot even be printed, and endless texts.

    Raises:
        UnreadableTextError: There is one.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if len(key) > _LONGEST_KEY:
                raise UnreadableTextError(f"a key of {len(key):,} characters")
            _check_values(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner)
    elif isinstance(value, int) and not -_LARGEST_WHOLE <= value < _LARGEST_WHOLE:
        raise UnreadableTextError(f"a whole number of {value.bit_length():,} bits")
    elif isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise UnreadableTextError(f"a text of {len(value):,} characters")

"""Values as C text. Whatever comes from a file is escaped, so that it cannot become code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LINE = 110
"""Characters of a line of numbers."""


def c_string(text: str) -> str:
    """Return a C string literal of the UTF-8 bytes of a text. Octal escapes have three digits, so none runs on."""
    return '"' + "".join(_c_character(byte) for byte in text.encode("utf-8", "replace")) + '"'


def c_comment(text: str) -> str:
    """Return a text that can stand in a C comment: printable ASCII in one line that does not end the comment."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in text)
    return plain.replace("*/", "*?").replace("/*", "?*").replace("\\", "?")


def c_numbers(values: Iterable[Any]) -> str:
    """Return numbers separated by commas, in indented lines."""
    return "\n".join(_lines(f"{value}," for value in values))


def c_floats(values: Sequence[float]) -> list[str]:
    """Return float32 values as C99's hexadecimal floats, which lose nothing."""
    return [f"{float(np.float32(value)).hex()}f" for value in values]


def c_decimal(value: float) -> str:
    """Return a float32 constant in decimals, with as many digits as tell it from its neighbours."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def c_values(values: NDArray[Any]) -> list[str]:
    """Return the numbers of a one-dimensional array as C constants."""
    return c_floats(values.tolist()) if values.dtype.kind == "f" else [str(value) for value in values.tolist()]


def _c_character(byte: int) -> str:
    if byte in b'"\\?' or not 32 <= byte < 127:
        return f"\\{byte:03o}"
    return chr(byte)


def _lines(words: Iterable[str]) -> Iterator[str]:
    line = " "
    for word in words:
        if len(line) + 1 + len(word) > _LINE:
            yield line
            line = " "
        line += f" {word}"
    yield line

"""The one reader of JSON from files of users: size and depth are checked before anything is parsed."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, NoReturn

from sqnxt_base.user_files import UnreadableTextError, as_text

_MOST_BYTES = 64 << 20
_DEEPEST = 100
"""Levels of lists and objects: far above any file of ours or of Keras, and below what Python's parser can nest."""
_LONGEST_NUMBER = 40  # characters; the digits of a 64-bit number, or of a float, are half of it
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_json(text: str | bytes, *, most_bytes: int = _MOST_BYTES, deepest: int = _DEEPEST) -> Any:
    """Parse JSON from anyone, with neither NaN nor infinities.

    Args:
        text: The JSON, in UTF-8 if bytes.
        most_bytes: The largest size that is parsed.
        deepest: The most levels of lists and objects.

    Raises:
        UnreadableTextError: It is not JSON, is larger or deeper than allowed, holds a number that no float and no
            64-bit integer can be, or takes more memory than there is.
    """
    if len(text) > most_bytes:
        raise UnreadableTextError(f"larger than {most_bytes:,} bytes")
    try:
        text = as_text(text).removeprefix("\ufeff") if isinstance(text, bytes) else text
        check_depth(text, deepest)
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)
    except UnreadableTextError:
        raise
    except ValueError as error:
        raise UnreadableTextError(str(error)) from None
    except RecursionError:
        raise UnreadableTextError("nested too deep") from None
    except MemoryError:
        raise UnreadableTextError("it takes more memory than there is") from None


def parse_json_object(text: str | bytes, *, most_bytes: int = _MOST_BYTES) -> dict[str, Any]:
    """Parse JSON that must be one object.

    Raises:
        UnreadableTextError: See `parse_json`; also if it is a list, a text, a number or null.
    """
    value = parse_json(text, most_bytes=most_bytes)
    if not isinstance(value, dict):
        raise UnreadableTextError(f"{kind_of(value)} instead of an object")
    return value


def kind_of(value: object) -> str:
    """Return what JSON calls a value: "a list", "an object", "a text", "a number", "true or false" or "null"."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def check_depth(text: str, deepest: int) -> None:
    """Refuse JSON that is nested deeper, without parsing it: brackets are counted outside of strings.

    Raises:
        UnreadableTextError: It is.
    """
    if text.count("[") + text.count("{") <= deepest:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        token = match[0]
        if token in "[{":
            depth += 1
            if depth > deepest:
                raise UnreadableTextError(f"nested more than {deepest} levels deep")
        elif token in "]}":
            depth -= 1


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableTextError(f"{name} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise UnreadableTextError(f"{text[:_LONGEST_NUMBER]} is too large for a number")
    return value


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise UnreadableTextError(f"a whole number of {len(text):,} digits")
    return int(text)

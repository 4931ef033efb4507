"""JSON as `json.dumps(value, indent=2)` writes it, which takes a twentieth of a short command with Python's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any


def indented_json(value: Any, start: str = "\n") -> str:
    """Return a JSON document with indents of two spaces; `start` is how the line of the value's end begins.

    Raises:
        ValueError: A number is not finite.
    """
    within = start + "  "
    if isinstance(value, dict) and value:
        items = [f"{_key(key)}: {_SCALARS.get(type(item), indented_json)(item, within)}" for key, item in value.items()]
        return f"{{{within}{f',{within}'.join(items)}{start}}}"
    if isinstance(value, list | tuple) and value:
        items = [_SCALARS.get(type(item), indented_json)(item, within) for item in value]
        return f"[{within}{f',{within}'.join(items)}{start}]"
    return json.dumps(value, allow_nan=False)


def _key(key: Any) -> str:
    return quoted(key) if type(key) is str else json.dumps({key: 0})[1:-4]


def _number(value: float, _: str) -> str:
    return repr(value) if isfinite(value) else json.dumps(value, allow_nan=False)


_SCALARS: dict[type, Callable[[Any, str], str]] = {
    str: lambda value, _: quoted(value),
    int: lambda value, _: repr(value),
    float: _number,
    bool: lambda value, _: "true" if value else "false",
    type(None): lambda value, _: "null",
}
"""What the items of most documents are; subclasses of these types take the longer way."""

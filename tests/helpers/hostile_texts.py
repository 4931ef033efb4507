"""Generators of damaged and hostile TOML and JSON: the same seed gives the same file."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

ODD_TOML = (
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "true",
    '""',
    "[]",
    "{}",
    "[[]]",
    "[1, 'a']",
    "{ from = 1 }",
    "0x" + "f" * 5000,
    "9" * 30,
    "9" * 5000,
    str(2**63),
    str(-(2**63)),
    "2020-01-01",
    "07:32:00",
    '"\\u0000\\u001b[2J"',
    '"\\u202e"',
    "[" * 300,
    "[" * 40 + "]" * 40,
    '"' + "x" * 5000 + '"',
    "{ a = " * 200,
    "[" + "1," * 5000 + "]",
    "1.0",
    '"a\\nb"',
    "'''\na\n'''",
    "{ value = 1, origin = [1] }",
    "{ value = [], note = 3 }",
    "{ from = 1, to = 9223372036854775807 }",
    "{ from = 1, to = 3, step = -1 }",
)
ODD_JSON: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    1e308,
    "",
    "\0\x1b[2J",
    "\u202e",
    "\ud800",
    "a\nb",
    [],
    {},
    [[]],
    {"a": {}},
    [None],
    "x" * 5000,
    ["a", 1],
    "../x",
    [{"a": "b"}],
    [[[[[]]]]],
    -0.5,
)
ODD_JSON_TEXTS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "[" * 5000,
    '{"a":' * 5000,
    "1" * 5000,
    '"\\ud800"',
    "tru",
    "01",
)
ODD_LINES = (
    ".".join("a" * 10_000) + " = 1",
    f"[{'.'.join('b' * 3000)}]",
    "[[array]]",
    "array = 3",
    "[array]",
    "= 1",
    "\0 = 1",
    "x = 1",
    "\u202e = 1",
    "a.b.c = 1",
    '"\\u001b" = 1',
    "[network]",
    "[accelerator]",
    "network.s1_blocks = 1",
    "'' = ''",
    "\x85 = 1",
    "\n".join(f"key{number} = 1" for number in range(500)),
)


def damaged_toml(text: str, source: random.Random) -> bytes:
    """Change values, keys, lines and bytes of a TOML file."""
    lines = text.splitlines()
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        place = source.randrange(len(lines))
        key, equals, _value = lines[place].partition("=")
        match source.randrange(7):
            case 0 | 1 | 2 if equals:
                lines[place] = f"{key}= {source.choice(ODD_TOML)}"
            case 3:
                lines.insert(place, source.choice(ODD_LINES))
            case 4:
                lines[place] = lines[source.randrange(len(lines))]
            case 5:
                del lines[place : place + source.choice((1, 3))]
                lines = lines or [""]
            case _:
                lines[place] = key[: len(key) // 2] + key[len(key) // 2 + 1 :] + equals + _value
    return damaged_bytes("\n".join(lines).encode(), source) if source.random() < 0.3 else "\n".join(lines).encode()


def damaged_json(document: Any, source: random.Random) -> bytes:
    """Replace, remove and add values at random places of a document, and damage some of its bytes."""
    copy = json.loads(json.dumps(document))
    for _ in range(source.choice((1, 1, 2, 4))):
        copy = changed(copy, source)
    text = json.dumps(copy)
    if source.random() < 0.25:
        values = [place for place, one in enumerate(text) if one in "{[:,"]
        if values:
            place = source.choice(values) + 1
            text = text[:place] + source.choice(ODD_JSON_TEXTS) + text[place:]
    if source.random() < 0.1:
        text = source.choice(ODD_JSON_TEXTS)
    return damaged_bytes(text.encode(), source) if source.random() < 0.2 else text.encode()


def changed(value: Any, source: random.Random) -> Any:
    """Return a document with something else at a random place."""
    if not isinstance(value, dict | list) or not value or source.random() < 0.15:
        return deepcopy(source.choice(ODD_JSON))
    key = source.choice(sorted(value) if isinstance(value, dict) else range(len(value)))
    match source.randrange(6):
        case 0:
            del value[key]
        case 1 if isinstance(value, dict):
            value[source.choice(("", "x", "\u202e", "__class__", "shards", "0"))] = value.pop(key)
        case 2 if isinstance(value, list):
            value.append(deepcopy(source.choice(ODD_JSON)))
        case _:
            value[key] = changed(value[key], source)
    return value


def damaged_bytes(data: bytes, source: random.Random) -> bytes:
    """Cut a text, or write bytes into it that are not UTF-8, control characters or quotes."""
    place = source.randrange(len(data) + 1)
    piece = source.choice(
        (b"\xff", b"\xed\xa0\x80", b"\0", b"\x1b[2J", b'"', b"\\", b"\r", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"'''")
    )
    return source.choice(
        (data[:place], data[:place] + piece + data[place:], piece + data, data[:place] + data[place + 1 :])
    )

"""JSON, TOML and text from anyone are read or refused in one line: by size and depth, before they are parsed."""

from __future__ import annotations

import ast
import json
import os
import socket
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.repository import ROOT
from sqnxt_base.json_text import parse_json, parse_json_object
from sqnxt_base.toml_text import parse_toml
from sqnxt_base.user_files import UnreadableTextError, lines_of, open_regular, read_bytes, read_text

SECONDS = 5  # far below the half minute that some of these took, and above what a busy machine needs

JSON_BOMBS = {
    "lists": "[" * 1_000_000,
    "objects": '{"a":' * 500_000,
    "closed": "[" * 101 + "]" * 101,
    "behind a string": '["' + '\\"[' * 300 + '",' + "[" * 200,
    "an unfinished string": '"' + '\\"[' * 500_000,
    "NaN": '{"a": NaN}',
    "infinity": "-Infinity",
    "a number too large for a float": "1e999",
    "a number of a million digits": "1" * 1_000_000,
    "bytes that are not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "nothing": "",
    "a lone quote": '"',
    "too large": " " * ((64 << 20) + 1),
}
TOML_BOMBS = {
    "lists": "a = " + "[" * 100_000,
    "inline tables": "a = " + "{ a = " * 50_000,
    "a key of ten thousand dots": ".".join("a" * 10_000) + " = 1",
    "a header of ten thousand dots": f"[{'.'.join('a' * 10_000)}]",
    "quoted keys": ".".join(['"a"'] * 10_000) + " = 1",
    "spaced keys": " . ".join(["'a'"] * 10_000) + " = 1",
    "a huge hexadecimal number": "a = 0x" + "f" * 200_000,
    "a huge number": "a = " + "1" * 200_000,
    "a huge number with separators": "a = " + "1_" * 100_000 + "1",
    "a number beyond 64 bits": f"a = {1 << 63}",
    "a hexadecimal number beyond 64 bits": "a = 0xffffffffffffffffff",
    "entries": "\n".join(f"k{number} = 1" for number in range(20_000)),
    "tables": "\n".join(f"[k{number}]" for number in range(20_000)),
    "one table many times": "[[a]]\n" * 20_000,
    "a long text": f'a = "{"x" * 5000}"',
    "an unfinished text": 'a = """' + "\\" * 200_000,
    "an impossible date": "a = 2020-02-31",
    "bytes that are not UTF-8": b'a = "\xff"',
    "too large": "#" * 300_000,
}


@pytest.mark.parametrize("text", JSON_BOMBS.values(), ids=JSON_BOMBS)
def test_json_bombs_are_refused_in_a_line(text: str | bytes) -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableTextError, match=r"^.{1,200}$"):
        parse_json(text)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("text", TOML_BOMBS.values(), ids=TOML_BOMBS)
def test_toml_bombs_are_refused_in_a_line(text: str | bytes) -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableTextError, match=r"^.{1,200}$"):
        parse_toml(text)
    assert time.monotonic() - began < SECONDS


def deep(depth: int, close: str) -> str:
    return "[" * depth + "1" + close * depth


def test_as_deep_as_allowed_is_read() -> None:
    assert json.dumps(parse_json(deep(100, "]"))) == deep(100, "]")
    assert parse_toml(f"a = {deep(16, ']')}") == tomllib.loads(f"a = {deep(16, ']')}")


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_sound_json_means_what_it_means_to_python(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert parse_json(text) == value
        assert parse_json(text.encode()) == value


TOKENS = st.sampled_from(
    [
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\n",
        '"',
        "'",
        '"""',
        "'''",
        "\\",
        "#",
        "a",
        "b.c",
        " = 1",
        "0xff",
        "1e9",
        " ",
    ]
)


@given(st.lists(TOKENS, max_size=40).map("".join) | st.text(max_size=40))
def test_any_toml_is_read_as_python_reads_it_or_refused(text: str) -> None:
    try:
        due: Any = tomllib.loads(text)
    except ValueError:
        due = None
    try:
        found = parse_toml(text)
    except UnreadableTextError as error:
        if due is None or "nested" in str(error):
            return
        raise
    assert found == due


@given(st.lists(st.sampled_from(['"', "\\", "[", "]", "{", "}", ":", ",", "1", "a", " "]), max_size=60).map("".join))
def test_any_json_is_read_as_python_reads_it_or_refused(text: str) -> None:
    try:
        due: Any = json.loads(text)
    except ValueError:
        due = UnreadableTextError
    try:
        assert parse_json(text) == due
    except UnreadableTextError:
        assert due is UnreadableTextError


@pytest.mark.parametrize(
    ("text", "found"),
    [("[]", "a list"), ("3", "a number"), ('"x"', "a text"), ("null", "null"), ("true", "true or false")],
)
def test_what_is_not_an_object_is_told(text: str, found: str) -> None:
    with pytest.raises(UnreadableTextError, match=f"^{found} instead of an object$"):
        parse_json_object(text)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()  # the name of a socket has no room for a long folder  # noqa: PTH109
        os.chdir(tmp_path)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        (tmp_path / "link").symlink_to("fifo")
        for name, kind in (("fifo", "a FIFO"), ("socket", "a socket"), ("link", "a FIFO"), (".", "a folder")):
            with pytest.raises(OSError, match=f"is {kind}, not a regular file"):
                open_regular(tmp_path / name)
    with pytest.raises(OSError, match="is a device, not a regular file"):
        read_bytes("/dev/zero", 10)


def test_text_is_utf8_and_of_a_size(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"chat\nchien")
    assert read_text(path, 10) == "chat\nchien"
    with pytest.raises(UnreadableTextError, match="larger than 9 bytes"):
        read_text(path, 9)
    path.write_bytes(b"caf\xe9")
    with pytest.raises(UnreadableTextError, match="not text in UTF-8: byte 0xe9 at 3"):
        read_text(path, 10)


def test_only_ends_of_lines_divide_labels() -> None:
    text = "cat\r\n red\u2028panda \rdog\x0c1\n\n\x85\nend"
    assert lines_of(text) == ["cat", "red\u2028panda", "dog\x0c1", "end"]


# Parsers of the standard library, and the modules that use them on what no user wrote.
PARSERS = {
    "json.loads": {
        "base/sqnxt_base/json_text.py",
        "export/sqnxt_export/runtimes/onnx_profile.py",  # onnxruntime's own answer
        "export/sqnxt_export/runtimes/micro_arena.py",  # a pipe between two processes of ours
        "export/sqnxt_export/runtimes/micro_child.py",
        "export/sqnxt_export/runtimes/trial.py",
        "sqnxt_tf/device/inspection.py",  # what was written in the same line
        "sqnxt_tf/device/timing_client.py",  # a pipe between two processes of ours
        "sqnxt_tf/device/timing_server.py",
        "sqnxt_tf/exploration/trial_storage.py",  # what was written in the same line
        "sqnxt_tf/training/run_folder.py",  # what was written in the same line
        "sqnxt_tf/webdemo/browser_runtimes.py",  # a file of the package
    },
    "json.load": set(),
    "tomllib.loads": {"base/sqnxt_base/toml_text.py"},
    "tomllib.load": set(),
}


def test_there_is_one_reader_of_json_and_one_of_toml() -> None:
    found: dict[str, set[str]] = {name: set() for name in PARSERS}
    for root in ("base", "export", "simulator", "sqnxt_tf"):
        for path in (ROOT / root).rglob("*.py"):
            text = path.read_text()
            for name in [name for name in PARSERS if f"{name}(" in text]:
                calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}
                if name in calls:
                    found[name].add(path.relative_to(ROOT).as_posix())
    assert {name: places - PARSERS[name] for name, places in found.items() if places - PARSERS[name]} == {}

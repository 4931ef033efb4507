"""Nothing that a file holds moves a cursor, breaks a line, turns the direction of writing or fails to encode."""

from __future__ import annotations

import ast
import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.repository import ROOT
from sqnxt_base.csv_text import csv_text
from sqnxt_base.errors import SqnxtError
from sqnxt_base.printable_text import (
    joined_lines,
    one_line,
    printable,
    printable_cell,
    printable_html,
    printable_in_picture,
    printable_lines,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # lone surrogates included
HOSTILE = st.text(
    "a\t\n\v\f\r\0\x1b\x85\u2028\u2029\u202e\u2066\u200f\ufeff\ud800\udcff=+-@$<>&\"'\\{}[] ", max_size=30
)
TEXTS = ANY_TEXT | HOSTILE
UNSAFE = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}
JOINERS = "\u200c\u200d"


def is_safe(text: str) -> bool:
    text.encode("utf-8")
    return all(unicodedata.category(one) not in UNSAFE or one in JOINERS for one in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat", "cat"),
        ("chat noir, größer, 猫, 👩‍🔬, می‌خواهم", "chat noir, größer, 猫, 👩‍🔬, می‌خواهم"),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
        ("\x00\x0b\x0c\x1b[2J\x7f", "\\x00\\x0b\\x0c\\x1b[2J\\x7f"),
        ("\x85 \x9b \u2028 \u2029", "\\u0085 \\u009b \\u2028 \\u2029"),
        ("\u202egnp.exe \u2066\u200f\ufeff", "\\u202egnp.exe \\u2066\\u200f\\ufeff"),
        ("\ud800", "\\ud800"),
        ("caf\udce9.jpg", "caf\\xe9.jpg"),
        ("\U000e0041", "\\U000e0041"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_what_has_no_shape_is_an_escape_and_all_else_stays(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(TEXTS)
def test_every_form_is_safe_and_stays_as_it_is_when_it_is_shown_again(text: str) -> None:
    for form in (printable, joined_lines):
        shown = form(text)
        assert is_safe(shown)
        assert form(shown) == shown
    assert all(map(is_safe, printable_lines(text).replace("\t", "").split("\n")))
    assert is_safe(printable_in_picture(text))


@given(TEXTS)
def test_text_in_a_page_is_the_printable_text_and_no_markup(text: str) -> None:
    class Page(HTMLParser):
        data = ""
        tags = 0

        def handle_data(self, data: str) -> None:
            self.data += data

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags += 1

    page = Page()
    page.feed(f"<b>{printable_html(text)}</b>")
    page.close()
    assert (page.data, page.tags) == (printable(text), 1)


@given(st.lists(TEXTS, min_size=1, max_size=3), st.floats(allow_nan=False))
def test_no_cell_is_a_formula_and_every_row_keeps_its_cells(texts: list[str], number: float) -> None:
    columns = [*(f"text{place}" for place in range(len(texts))), "number"]
    row = dict(zip(columns, [*texts, number], strict=True))
    written = csv_text([row], columns)
    assert is_safe(written.replace("\n", ""))
    header, cells = list(csv.reader(io.StringIO(written)))
    assert header == columns
    assert float(cells[-1]) == number
    for text, cell in zip(texts, cells[:-1], strict=True):
        assert cell in (printable(text), f"'{printable(text)}")
        assert not cell.lstrip(" ").startswith(("=", "@")), cell
        assert not cell.lstrip(" ").startswith(("+", "-")) or cell.strip("+-.0123456789e") == "", cell


def test_numbers_stay_numbers_in_csv() -> None:
    assert [printable_cell(value) for value in (-1.5, None, True, "-1.5", "+3e-5")] == [
        -1.5,
        None,
        True,
        "-1.5",
        "+3e-5",
    ]
    assert printable_cell("-1+cmd|' /C calc'!A0") == "'-1+cmd|' /C calc'!A0"


@given(TEXTS, TEXTS, TEXTS)
def test_every_error_is_one_printable_line(name: str, fault: str, remedy: str) -> None:
    assert is_safe(str(SqnxtError(name, fault, remedy)))
    assert is_safe(one_line(ValueError(fault)))


def test_a_message_of_several_lines_is_joined_and_a_name_of_several_is_not() -> None:
    error = SqnxtError("a\nb.onnx", "cannot be run (no kernel\n    for Conv)", "export it again")
    assert str(error) == "a\\nb.onnx: cannot be run (no kernel for Conv); export it again"


# The ways out, and the modules that may use each: all others go through these.
WAYS_OUT = {
    "click.echo": {"sqnxt_tf/cli/main.py", "sqnxt_tf/cli/output.py"},
    "print": set(),
    "sys.stdout.write": {  # JSON for the process that started it
        "export/sqnxt_export/runtimes/micro_child.py",
        "export/sqnxt_export/runtimes/trial_child.py",
    },
    "sys.stderr.write": {"sqnxt_tf/cli/interruption.py", "sqnxt_tf/cli/supervisor.py"},  # constants of ours
    "csv.writer": {"base/sqnxt_base/csv_text.py"},
    "csv.DictWriter": set(),
    "escape": {"base/sqnxt_base/printable_text.py"},
    "html.escape": set(),
    "warnings.warn": set(),
}


def calls(path: Path, names: Iterable[str]) -> set[str]:
    """Return which of some functions a module calls."""
    text = path.read_text()
    if not any(f"{name}(" in text for name in names):  # parsing takes most of the time
        return set()
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}.intersection(
        names
    )


def product_files() -> list[Path]:
    return [path for root in ("base", "export", "simulator", "sqnxt_tf") for path in (ROOT / root).rglob("*.py")]


def test_every_way_out_is_one_that_shows_text_safely() -> None:
    found: dict[str, set[str]] = {name: set() for name in WAYS_OUT}
    for path in product_files():
        for name in calls(path, WAYS_OUT):
            found[name].add(path.relative_to(ROOT).as_posix())
    assert {name: places - WAYS_OUT[name] for name, places in found.items() if places - WAYS_OUT[name]} == {}


def test_what_is_echoed_is_printable_or_our_own() -> None:
    """Each call that prints is given what `printable` returns, a line that was made so, or a text of ours."""
    safe = ("printable(", "joined_lines(", "line)", "format_message()", "{task} ")
    for name in WAYS_OUT["click.echo"]:
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.echo":
                assert any(part in ast.unparse(node) for part in safe), (name, ast.unparse(node))


def test_errors_of_libraries_are_quoted_by_one_function() -> None:
    """`one_line` quotes them; joining and cutting them by hand leaves control characters in."""
    by_hand = re.compile(r"""["'] ["']\.join\(str\(error|str\(error\)\[|error!r""")
    assert [path for path in product_files() if by_hand.search(path.read_text())] == []

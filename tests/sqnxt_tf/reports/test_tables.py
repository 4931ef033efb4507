"""Tables as plain text: in full, and on a terminal that is too narrow for them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_tf.reports.columns import display_width, shortened
from sqnxt_tf.reports.tables import Table, percent, shape

LONG = "a_layer_of_another_framework/block_1/conv2d_17/BiasAdd"


def table_of_layers() -> Table:
    table = Table(
        ["<layer", "<op", "cycles", "energy MMAC", "MACs/cycle", "<note"],
        title="net.onnx on an array",
        least_important=["op", "MACs/cycle"],
        beneath=["note"],
    )
    table.add("stem", "Conv", 513_993, "722.01", "225.5", "the first layer, which reads the image")
    table.add(LONG, "Conv", 32_378, "59.54", "95.7", None)
    table.add_total("total", None, 546_371, "781.55", None, None)
    return table


def test_numbers_stand_to_the_right_and_text_is_never_markup() -> None:
    table = Table(["<name", "count"], title="t")
    table.add("[red]a[/red]", 1234567)
    table.add("b", None)
    table.add_total("total", 12)
    lines = table.to_lines()
    assert lines[0] == "t"
    assert next(line.split() for line in lines if "[red]" in line) == ["[red]a[/red]", "1,234,567"]
    ends = {len(line) for line in lines if line.endswith(("1,234,567", "12"))}
    assert len(ends) == 1


def test_a_table_in_full() -> None:
    table = Table(["<name", "count"], title="Things")
    table.add("b", 1200)
    table.add_total("total", 1200)
    assert table.to_lines() == [
        "Things",
        "",
        " name    count",
        " ─────────────",
        " b       1,200",
        "",
        " total   1,200",
        "",
    ]


def test_a_table_without_rows_is_its_headers() -> None:
    assert Table(["<name", "count"]).to_lines() == ["", " name   count", " ────────────", ""]


def test_a_terminal_that_is_wide_enough_changes_nothing() -> None:
    table = table_of_layers()
    full = table.to_lines()
    assert table.to_lines(max(map(len, full))) == full


def test_headers_are_stacked_before_anything_is_left_out() -> None:
    table = Table(["<name", "energy in MMAC"], least_important=["energy in MMAC"])
    table.add("b", "1.50")
    assert table.to_lines(13) == [
        "",
        "       energy",
        "           in",
        " name    MMAC",
        " ────────────",
        " b       1.50",
        "",
    ]


def test_what_gives_way_on_a_narrow_terminal() -> None:
    lines = table_of_layers().to_lines(45)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 45
    assert "     the first layer, which reads the image" in lines  # below its row
    assert re.search(r"a_layer_\S*…\S*BiasAdd", text)
    assert {"513,993", "722.01", "225.5", "781.55"} <= set(text.split())
    assert "Conv" not in text
    assert "Not shown: op. Long names are shortened. `--wide` shows the whole table." in " ".join(text.split())


def test_a_narrow_column_stays_where_a_wider_one_has_no_room() -> None:
    table = Table(["<name", "first", "second"], least_important=["second", "first"])
    table.add("net", "1,000,000,000", "7")
    lines = table.to_lines(15)
    assert " net        7" in lines
    assert "Not shown: first." in " ".join(" ".join(lines).split())


def test_what_has_no_room_side_by_side_is_shown_in_blocks() -> None:
    names = [f"class_{index}" for index in range(12)]
    table = Table(["<true", *names])
    for index, name in enumerate(names):
        table.add(name, *(100 * (place == index) for place in range(12)))
    lines = table.to_lines(40)
    assert max(map(len, lines)) <= 40
    assert sum(line.startswith(" true") for line in lines) > 1
    assert all(any(name in line.split() for line in lines if line.startswith(" true")) for name in names)
    assert sum(line.split().count("100") for line in lines) == 12


def test_styles_are_asked_for() -> None:
    table = table_of_layers()
    assert not any("\x1b" in line for line in table.to_lines(40))
    styled = table.to_lines(40, styled=True)
    assert [re.sub(r"\x1b\[\dm", "", line) for line in styled] == table.to_lines(40)
    assert sum(line.startswith("\x1b[1m total") for line in styled) == 1


def test_names_from_files_move_no_cursor() -> None:
    table = Table(["<name"])
    table.add("a\x1b[2J\nb")
    assert " a\\x1b[2J\\nb" in table.to_lines()


@settings(deadline=None)
@given(
    names=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=60), max_size=5),
    width=st.integers(20, 120),
    number=st.integers(0, 10**9),
)
def test_no_line_is_too_wide_and_no_number_is_cut(names: list[str], width: int, number: int) -> None:
    table = Table(["<name", "number", "again", "and again"], least_important=["again"])
    for name in names:
        table.add(name, number, number, number)
    lines = table.to_lines(width)
    assert all(display_width(line) <= max(width, 12 + 2 + 13 + 1) for line in lines)
    assert sum(line.endswith(f" {number:,}") for line in lines) >= len(names)


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("stage1_block1_squeeze1", 22, "stage1_block1_squeeze1"),
        ("stage1_block1_squeeze1", 15, "stage1_…queeze1"),
        ("stage1_block1_squeeze1", 14, "stage1_…ueeze1"),
        ("漢字漢字漢字", 7, "漢字…字"),
        ("abc", 1, "…"),
    ],
)
def test_a_name_keeps_both_of_its_ends(text: str, room: int, shown: str) -> None:
    assert shortened(text, room) == shown
    assert display_width(shown) <= room


def test_cells() -> None:
    assert shape((55, 54, 64)) == "55x54x64"
    assert percent(0.9754) == "97.5"

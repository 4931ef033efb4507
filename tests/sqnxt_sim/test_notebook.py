"""What a notebook shows of workloads, accelerators and reports: a short line, a table, flat records."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sqnxt_sim import (
    Accelerator,
    NetworkReport,
    OffArrayNode,
    OffArrayReason,
    VectorWork,
    Workload,
    conv,
    load_accelerator,
    simulate_workload,
)

ACCELERATOR = load_accelerator("edge-npu-8bit")
WORK = VectorWork(operations=4, values_read=4, values_written=4)
WORKLOAD = Workload(
    name="<net>.onnx",
    layers=(
        conv("14x14x16", "3x3x32", stride=2, name="<b>first</b>"),
        OffArrayNode(name="add", op="Add", why=OffArrayReason.NOT_COSTED, reason="added", work=WORK),
        OffArrayNode(name="odd", op="Det", why=OffArrayReason.NO_MODEL, reason="no model"),
    ),
)
REPORT = simulate_workload(WORKLOAD, ACCELERATOR)
VALUES = [ACCELERATOR, WORKLOAD, REPORT]


class Cells(HTMLParser):
    """The texts of a table's cells, row by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, _: object) -> None:
        assert tag in ("p", "table", "thead", "tbody", "tr", "th", "td", "code")  # no tag of a layer's name
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_repr_is_one_short_line(value: Accelerator | Workload | NetworkReport) -> None:
    assert len(repr(value)) < 200
    assert re.fullmatch(rf"{type(value).__name__}\(.*\)", repr(value))


def test_a_repr_has_the_main_figures() -> None:
    assert repr(WORKLOAD) == "Workload(<net>.onnx: 1 layers of 225,792 MACs for the array, 2 other nodes)"
    assert f"2 of 3 nodes costed, {REPORT.cycles:,.0f} cycles" in repr(REPORT)
    assert "16x16 PEs of 8 bits at 1 GHz, buffer of 384 KiB, DRAM at 3.75 GB/s" in repr(ACCELERATOR)


def test_tables_have_a_row_for_each_costed_node_or_number() -> None:
    assert [row[0] for row in Cells(REPORT._repr_html_()).rows] == ["layer", "<b>first</b>", "add"]
    assert Cells(WORKLOAD._repr_html_()).rows[1][2:7] == ["14x14x16", "7x7x32", "3x3", "2", "1"]
    assert len(Cells(ACCELERATOR._repr_html_()).rows) == 1 + len(ACCELERATOR.numbers)


def test_a_long_table_is_cut_and_says_so() -> None:
    layers = tuple(conv("4x4x4", "1x1x4", name=f"layer{number}") for number in range(50))
    html = Workload(name="long", layers=layers)._repr_html_()
    assert len(Cells(html).rows) == 41
    assert "10 more" in html


def test_records_are_flat_and_add_up() -> None:
    records = REPORT.to_records()
    assert [record["name"] for record in records] == ["<b>first</b>", "add", "odd"]
    assert sum(record["cycles"] for record in records) == pytest.approx(REPORT.cycles)
    assert records[0]["in_shape.2"] == 16
    assert WORKLOAD.to_records()[0]["weights"] == 3 * 3 * 16 * 32
    assert WORKLOAD.to_records()[2] == {"name": "odd", "op": "Det", "status": "no_model", "reason": "no model"}
    assert {record["key"]: record["value"] for record in ACCELERATOR.to_records()} == ACCELERATOR.numbers
    for record in (*records, *WORKLOAD.to_records(), *ACCELERATOR.to_records()):
        assert not any(isinstance(value, dict | list | tuple) for value in record.values())
        csv.DictWriter(io.StringIO(), list(record)).writerow(record)


def test_the_origins_that_a_repr_leaves_out_are_in_the_records() -> None:
    bare = replace(ACCELERATOR, origins={})
    assert repr(bare) == repr(ACCELERATOR)
    assert bare.to_records() == []

"""Figures 6 and 7: the data behind them, and the files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from sqnxt_sim import load_accelerator, simulate_workload
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.networks.published import read_table
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.paper.figures import VARIANTS, Figure6Bar, Figure7Circle, figure6, figure7


@pytest.fixture(scope="module")
def bars() -> tuple[Figure6Bar, ...]:
    return figure6()


@pytest.fixture(scope="module")
def circles() -> tuple[Figure7Circle, ...]:
    return figure7()


@pytest.mark.parametrize("array", ["8x8", "16x16"])
@pytest.mark.parametrize("network", VARIANTS)
def test_the_bars_of_a_network_are_all_of_its_layers(bars: tuple[Figure6Bar, ...], network: str, array: str) -> None:
    report = simulate_workload(network_workload(network), load_accelerator(f"squeezelerator-{array}"), sparsity=0.4)
    mine = [bar for bar in bars if bar.network == network and bar.array == array]
    assert sum(bar.layers for bar in mine) == len(report.costed)
    assert sum(bar.cycles for bar in mine) == pytest.approx(report.cycles, rel=1e-12)
    assert sum(bar.macs for bar in mine) == report.macs
    assert [bar.group for bar in mine] == sorted(bar.group for bar in mine)


def test_layers_of_one_configuration_are_one_bar(bars: tuple[Figure6Bar, ...]) -> None:
    """Check the layers that the paper names, Conv8, Conv13, Conv18 and Conv23: 32 -> 16 of the first stage's blocks."""
    baseline = {
        (bar.group.stage, bar.group.label): bar.layers
        for bar in bars
        if bar.array == "16x16" and bar.network == "sqnxt23_w1"
    }
    assert list(baseline)[:8] == [
        ("stem", "stem"),
        *(
            ("stage1", label)
            for label in ("64→32 1×1", "64→16 1×1", "32→16 1×1", "16→8 1×1", "8→16 3×1", "16→16 3×1", "16→32 1×1")
        ),
    ]
    assert baseline["stage1", "32→16 1×1"] == 5
    assert baseline["stage1", "16→32 1×1"] == 6
    assert baseline["stage3", "64→64 1×1 /2"] == 1
    assert list(baseline)[-2:] == [("head", "head"), ("classifier", "FC")]


def test_early_layers_are_inefficient_on_the_large_array(bars: tuple[Figure6Bar, ...]) -> None:
    """Check the paper's statement: "the relatively poor efficiency in early layers for the 16x16 PE array"."""

    def efficiency(array: str, stage: str) -> float:
        mine = [b for b in bars if (b.array, b.network, b.group.stage) == (array, "sqnxt23_w1", stage)]
        rows, cols = map(int, array.split("x"))
        return sum(bar.macs for bar in mine) / sum(bar.cycles for bar in mine) / (rows * cols)

    assert efficiency("16x16", "stage1") < 0.5
    assert efficiency("16x16", "stage3") > 0.6
    assert efficiency("8x8", "stage1") > 0.9


def test_the_circles_are_the_networks_of_the_papers_tables(circles: tuple[Figure7Circle, ...]) -> None:
    models = {row["model"] for number in (1, 2, 3) for row in read_table(number)} - {"AlexNet", "VGG-19"}
    assert {circle.network for circle in circles} == {find_network(model).name for model in models}
    assert len(circles) == 2 * len({circle.network for circle in circles})
    by_name = {(circle.network, circle.array): circle for circle in circles}
    v5 = by_name["sqnxt23v5_w1", "16x16"]
    assert v5.time == v5.paper_time == 1
    assert v5.top1_percent == 59.24
    assert v5.paper_energy == 2.0e9
    mobile = by_name["mobilenet_w1", "16x16"]
    assert mobile.family == "MobileNet"
    assert mobile.paper_time == pytest.approx(2.60)
    assert by_name["sqnxt44_w2", "8x8"].paper_time is None


@pytest.mark.parametrize("figure", ["figure6", "figure7"])
def test_the_command_writes_picture_vector_and_data(cli: Any, tmp_path: Path, figure: str) -> None:
    document = cli("reproduce", figure, "--json").json()
    assert document["paths"] == [f"{figure}.png", f"{figure}.svg", f"{figure}.csv"]
    assert (tmp_path / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / f"{figure}.svg").read_text("utf-8")
    with (tmp_path / f"{figure}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(document["rows"])
    assert set(rows[0]) == set(document["rows"][0])
    assert "exists already" in cli("reproduce", figure).error_line()
    assert cli("reproduce", figure, "-o", "new", "--json").json()["paths"][0] == f"new/{figure}.png"
    assert "is a file" in cli("reproduce", figure, "-o", f"{figure}.csv").error_line()
    assert cli("reproduce", figure, "-o", "nowhere/new", "--json").json()["paths"][0] == f"nowhere/new/{figure}.png"


def test_a_table_has_no_output(cli: Any) -> None:
    assert "leave them out" in cli("reproduce", "table1", "-o", ".").error_line()

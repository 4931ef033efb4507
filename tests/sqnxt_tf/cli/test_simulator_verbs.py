"""`simulate` with its options, `compare` and `accelerators`, as processes on small graphs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from helpers.onnx_graphs import save_graph
from sqnxt_sim import list_accelerators


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Two convolutions, a pool between them, and an operator that has no model."""
    random = np.random.default_rng(0)
    first = random.standard_normal((16, 3, 3, 3)).astype(np.float32)
    second = random.standard_normal((32, 16, 3, 3)).astype(np.float32)
    second[::2] = 0
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "conv1", pads=[1] * 4),
        helper.make_node("MaxPool", ["a"], ["b"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["b", "w2"], ["c"], "conv2", pads=[1] * 4),
        helper.make_node("Det", ["c"], ["y"], "odd"),
    ]
    weights = {"w1": first, "w2": second}
    return save_graph(tmp_path / "small.onnx", nodes, {"x": [1, 3, 16, 16]}, {"y": [1, 32]}, weights)


def test_csv_is_the_layers_as_a_table(cli: Any, graph: Path) -> None:
    answer = cli("simulate", graph, "--csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    document = cli("simulate", graph, "--json").json()
    assert [row["name"] for row in rows] == [layer["name"] for layer in document["layers"]]
    assert sum(float(row["cycles"]) for row in rows) == pytest.approx(document["total"]["cycles"])
    assert float(rows[0]["energy_by_part.dram"]) == document["layers"][0]["energy_by_part"]["dram"]
    assert float(rows[2]["weight_sparsity"]) == 0.5
    assert rows[1]["dataflow"] == ""
    assert "--csv" in cli("simulate", graph, "--csv", "--json").error_line()


def test_budgets(cli: Any, graph: Path) -> None:
    total = cli("simulate", graph, "--json").json()["total"]
    enough = ["--max-cycles", total["cycles"], "--max-energy", total["energy"], "--max-dram-bytes", total["dram_bytes"]]
    within = cli("simulate", graph, *enough)
    assert within.code == 0
    assert within.out.count("is within the budget") == 3
    beyond = cli("simulate", graph, "--max-cycles", total["cycles"] / 2, "--max-energy", 1e12, "--json")
    assert beyond.code == 1
    assert beyond.err.startswith("error: small.onnx: time of ")
    assert "exceeds the budget" in beyond.err
    assert "200% of it" in beyond.err
    budgets = json.loads(beyond.out)["budgets"]
    assert {name: item["exceeded"] for name, item in budgets.items()} == {"max_cycles": True, "max_energy": False}
    assert "max-cycles" in cli("simulate", graph, "--max-cycles", -1).error_line()
    time = cli("simulate", graph, "--max-cycles", "10M", "--max-time-ms", total["time_ms"] / 4)
    assert time.code == 1
    assert "is within the budget of 10,000,000" in time.out
    assert f"time of {total['time_ms']:.4g} ms exceeds the budget" in time.err
    assert "400% of it" in time.err


def test_networks_and_layers_need_no_file(cli: Any, tmp_path: Path) -> None:
    named = cli("simulate", "1.0-SqNxt-23v5", "--classes", 10, "--input-size", 64, "--json").json()
    assert (named["model"], named["layers"][-1]["out_shape"]) == ("sqnxt23v5_w1", [1, 1, 10])
    spec = "14x14x16,3x3x32,stride=2"
    (layer,) = cli("simulate", "--layer", spec, "--json").json()["layers"]
    assert (layer["name"], layer["out_shape"], layer["stride"]) == (spec, [7, 7, 32], 2)
    (row,) = csv.DictReader(io.StringIO(cli("simulate", "--layer", spec, "--csv").out))
    assert [row[f"in_shape.{side}"] for side in range(3)] == ["14", "14", "16"]
    assert "one of MODEL and --layer" in cli("simulate").error_line()
    assert "one of MODEL and --layer" in cli("simulate", "alexnet", "--layer", spec).error_line()
    compared = cli("compare", "sqnxt23_w1", "sqnxt23v5_w1", "--input-size", 64, "--json").json()
    assert compared["second"]["model"] == "sqnxt23v5_w1"
    page = cli("report", "alexnet", "--input-size", 100, "-o", tmp_path / "page.html", "--json").json()
    assert page["models"][0]["model"] == "alexnet"


def test_explain_shows_both_dataflows_of_a_layer(cli: Any, graph: Path) -> None:
    explained = cli("simulate", graph, "--explain", "conv2").out
    for part in ("(chosen)", "(rejected)", "bound by", "tile", "register file", "8x8x16 -> 8x8x32", "50.0% zero"):
        assert part in explained
    assert "costs nothing: pooling" in cli("simulate", graph, "--explain", "pool").out
    assert "vector unit" in cli("simulate", graph, "--explain", "pool", "--accelerator", "edge-npu-8bit").out
    assert "did you mean conv" in cli("simulate", graph, "--explain", "conv3").error_line()


def test_strict(cli: Any, graph: Path) -> None:
    assert "do real work" in cli("simulate", graph).out
    assert "Det 'odd'" in cli("simulate", graph, "--strict").error_line()


@pytest.mark.parametrize(("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_roofline_is_drawn(cli: Any, graph: Path, tmp_path: Path, suffix: str, magic: bytes) -> None:
    picture = tmp_path / f"roofline.{suffix}"
    assert cli("simulate", graph, "--roofline", picture).code == 0
    assert picture.read_bytes().startswith(magic)
    if suffix == "svg":
        drawn = picture.read_text()
        assert drawn.count("<use") > 2
        assert "--force" in cli("simulate", graph, "--roofline", picture).error_line()
        assert ".svg, .png, .pdf" in cli("simulate", graph, "--roofline", tmp_path / "roofline.bmp").error_line()


def test_compare_tells_what_changed(cli: Any, graph: Path, tmp_path: Path) -> None:
    other = tmp_path / "dense.onnx"
    model = onnx.load(graph)
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.ones((32, 16, 3, 3), np.float32), "w2"))
    onnx.save(model, other)
    document = cli("compare", graph, other, "--dataflow", "output-stationary", "--json").json()
    assert [layer["name"] for layer in document["layers"] if layer["changed"]] == ["conv2"]
    assert document["layers"][1]["changed"] == ["zeros 50.0% -> 0.0%"]
    text = cli("compare", graph, other)
    assert text.code == 0
    assert "conv1" not in text.out
    assert "conv1" in cli("compare", graph, other, "--all").out
    arrays = cli(
        "compare", graph, graph, "--accelerator", "squeezelerator-8x8", "--accelerator", "eyeriss-like", "--json"
    )
    assert arrays.json()["second"]["accelerator"] == "eyeriss-like"
    three = [x for _ in range(3) for x in ("--accelerator", "squeezelerator-8x8")]
    assert "3 times" in cli("compare", graph, graph, *three).error_line()


def test_accelerators_are_listed_shown_and_copied(cli: Any, graph: Path, tmp_path: Path) -> None:
    listed = cli("accelerators", "--json").json()
    names = [one["name"] for one in listed]
    assert names == list(list_accelerators())
    assert {one["name"]: one["dataflows"] for one in listed}["eyeriss"] == ["row_stationary"]
    assert all(name in cli("accelerators").out for name in names)
    paper = listed[names.index("squeezelerator-8x8")]
    fitted = {(s, key) for s, part in paper.items() if isinstance(part, dict) for key, entry in part.items()
              if entry["origin"] == "fitted"}  # fmt: skip
    assert fitted == {("buffer", "capacity_divisor")}
    shown = cli("accelerators", "squeezelerator-8x8").out
    assert "array.partial_sums_per_pe" in shown
    assert "chosen" in shown
    mine = tmp_path / "mine.toml"
    mine.write_text(cli("accelerators", "squeezelerator-8x8", "--toml").out.replace("value = 32768", "value = 65536"))
    assert cli("accelerators", mine, "--json").json()[0]["buffer"]["bytes"]["value"] == 65536
    assert cli("simulate", graph, "--accelerator", mine, "--json").json()["total"]["buffer_bytes"] == 65536
    assert "use one of" in cli("accelerators", "tpu").error_line()
    mine.write_text(mine.read_text().replace("value = 65536", "value = 1"))
    assert (
        "buffer.bytes is 1; it must be a whole number in 64.."
        in cli("simulate", graph, "--accelerator", mine).error_line()
    )
    assert "--toml" in cli("accelerators", "--toml").error_line()


def test_a_new_accelerator_file_loads_at_once(cli: Any, graph: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    assert cli("accelerators", "--new", mine, "--from", "eyeriss-like", "--json").json() == {
        "path": str(mine),
        "from": "eyeriss-like",
    }
    shown = cli("accelerators", mine, "--json").json()[0]
    assert (shown["name"], shown["array"]["rows"]) == ("mine", {"value": 12, "origin": "unstated", "note": None})
    explain = ("simulate", graph, "--accelerator", mine, "--explain", "conv2")
    assert "mine states no origin of its numbers" in cli(*explain).out
    mine.write_text(mine.read_text().replace("rows = 12", 'rows = { value = 12, origin = "chosen" }'))
    assert " numbers: array.cols, array.word_bits, " in cli(*explain).out
    assert "--force" in cli("accelerators", "--new", mine).error_line()
    assert "leave out NAME" in cli("accelerators", "eyeriss-like", "--new", mine).error_line()
    assert ".toml" in cli("accelerators", "--new", tmp_path / "mine.txt").error_line()
    mine.write_text(mine.read_text().replace("cols = ", "cols = -").replace("[dram]", "[ddr]"))
    assert "has 2 faults: (1) " in cli("simulate", graph, "--accelerator", mine).error_line()


def test_a_sweep_costs_a_grid_of_arrays(cli: Any, tmp_path: Path) -> None:
    network = ("simulate", "1.0-SqNxt-23v5", "--input-size", 64)
    grid = ("--sweep", "array.rows=8,16", "buffer.bytes=32K,128K", "--sweep", "array.rows=32")
    document = cli(*network, *grid, "--json").json()
    assert document["dimensions"] == {"array.rows": [8, 16, 32], "buffer.bytes": [32768, 131072]}
    rows = list(csv.DictReader(io.StringIO(cli(*network, *grid, "--csv").out)))
    assert [float(row["cycles"]) for row in rows] == [point["cycles"] for point in document["points"]]
    picture = tmp_path / "sweep.svg"
    fastest = min(point["cycles"] for point in document["points"])
    shown = cli(*network, *grid, "--picture", picture, "--max-cycles", fastest)
    assert shown.code == 0
    assert "arrays that meet the budget: 1 of 6" in shown.out
    assert picture.exists()
    none = cli(*network, *grid, "--max-cycles", 1)
    assert (none.code, "none of the 6 arrays meets the budget" in none.err) == (1, True)
    for arguments, fault in (
        (("--sweep", "array.row=8"), "did you mean array.rows"),
        (("--sweep", "array.rows=8", "--explain", "stem"), "--explain shows one array"),
        (("--picture", picture), "--picture goes with --sweep"),
        (("--sweep", "array.rows=8", "--picture", picture), "--force"),
        (("array.rows=8",), "array.rows=8"),
    ):
        assert fault in cli(*network, *arguments).error_line()

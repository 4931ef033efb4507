"""A sweep has the figures of single simulations, and marks what no other array beats and what meets a budget."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sqnxt_sim import OffArrayNode, OffArrayReason, SimulatorError, Workload, conv, load_accelerator
from sqnxt_tf import SqnxtError, Sweep, simulate, sweep
from sqnxt_tf.reports.sweep import sweep_lines, sweep_table
from sqnxt_tf.reports.sweep_picture import draw_sweep

WORKLOAD = Workload(name="net", layers=(conv("14x14x32", "3x3x64"), conv("1x1x512", "1x1x100")), notes=("made up",))
DIMENSIONS = {"array.rows": [4, 8, 32], "buffer.bytes": "64,4K,64K"}


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sweep(WORKLOAD, DIMENSIONS, "squeezelerator-8x8", sparsity=0.4, limits={"max_time_ms": 0.05})


def test_points_are_single_simulations(swept: Sweep) -> None:
    assert len(swept.points) == 9
    base = load_accelerator("squeezelerator-8x8")
    for point in swept.points:
        rows, size = point.values["array.rows"], point.values["buffer.bytes"]
        array = replace(base, array=replace(base.array, rows=rows), buffer=replace(base.buffer, bytes=size))
        if point.totals is None:
            assert size == 64
            continue
        report = simulate(WORKLOAD, array, sparsity=0.4)
        assert point.totals.cycles == pytest.approx(report.cycles, rel=1e-12)
        assert point.totals.energy.total == pytest.approx(report.energy.total, rel=1e-12)
        assert point.area == pytest.approx(8 * rows + size / 430)


def test_no_other_array_beats_a_marked_one(swept: Sweep) -> None:
    figures = {
        index: (point.totals.time_ms, point.totals.energy.total, point.area)
        for index, point in enumerate(swept.points)
        if point.totals is not None
    }
    for index, mine in figures.items():
        beaten = any(
            all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine for other in figures.values()
        )
        assert swept.points[index].pareto is not beaten
    assert 0 < len(swept.front) < len(swept.points)


def test_a_budget_marks_what_meets_it(swept: Sweep) -> None:
    for point in swept.points:
        assert point.within_budget is (point.totals is not None and point.totals.time_ms <= 0.05)
    assert {point.within_budget for point in swept.points} == {True, False}
    assert {point.within_budget for point in sweep(WORKLOAD, {"array.rows": [8]}).points} == {None}


def test_the_document_is_flat_and_json(swept: Sweep) -> None:
    document = json.loads(json.dumps(swept.to_json()))
    assert document["dimensions"] == {"array.rows": [4, 8, 32], "buffer.bytes": [64, 4096, 65536]}
    assert (document["model"], document["accelerator"]) == ("net", "squeezelerator-8x8")
    assert document["points"][0] == {
        "array.rows": 4, "buffer.bytes": 64, "fits": False, "cycles": None, "time_ms": None, "energy": None,
        "dram_bytes": None, "macs": None, "area": pytest.approx(32 + 64 / 430), "pareto": False,
        "within_budget": False,
    }  # fmt: skip
    assert document["notes"][0] == "made up"
    assert len({tuple(record) for record in swept.to_records()}) == 1  # every row has the same columns


def test_table_and_sentences(swept: Sweep) -> None:
    lines = sweep_table(swept).to_lines()
    assert sum("does not fit" in line for line in lines) == 3
    said = "\n".join(sweep_lines(swept))
    assert f"{len(swept.front)} of 9 arrays are Pareto-optimal" in said
    assert "3 arrays have no room" in said
    assert "arrays that meet the budget: " in said
    assert "note: made up" in said
    many = sweep(WORKLOAD, {"energy.dram": "1..100"})
    assert len(sweep_table(many).rows) == len(many.front) == 1
    assert "1 of them are shown" in sweep_lines(many)[0]


@pytest.mark.parametrize("more", [{}, {"dram.bytes_per_second": [1e9, 4e9]}], ids=["map", "cloud"])
def test_pictures(swept: Sweep, tmp_path: Path, more: dict[str, list[float]]) -> None:
    shown = sweep(WORKLOAD, {**DIMENSIONS, **more}) if more else swept
    path = tmp_path / "sweep.svg"
    draw_sweep(shown, path)
    picture = path.read_text("utf-8")
    assert ("array.rows" in picture) is not bool(more)
    assert ("Pareto-optimal in time" in picture) is bool(more)


def test_lines_over_one_number(tmp_path: Path) -> None:
    path = tmp_path / "lines.svg"
    draw_sweep(sweep(WORKLOAD, {"array.rows": "4..64*2", "array.cols": [8]}), path)
    assert "Pareto-optimal" in path.read_text("utf-8")
    with pytest.raises(SqnxtError, match="fits none of the arrays"):
        draw_sweep(sweep(WORKLOAD, {"buffer.bytes": [64]}), tmp_path / "none.svg")


def test_strict_refuses_nodes_without_a_model() -> None:
    odd = OffArrayNode(name="odd", op="Det", why=OffArrayReason.NO_MODEL, reason="no model")
    workload = Workload(name="net", layers=(*WORKLOAD.layers, odd))
    assert "no cost model" in " ".join(sweep(workload, {"array.rows": [8]}).notes)
    with pytest.raises(SimulatorError, match="Det 'odd'"):
        sweep(workload, {"array.rows": [8]}, strict=True)

"""Measured shares beside simulated ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import helper

from helpers.onnx_graphs import save_graph
from sqnxt_sim import SimulatorError
from sqnxt_tf.device.layer_shares import HERE, THERE, LayerShares, layer_shares
from sqnxt_tf.device.timings import Benchmark, LayerTime, Timing
from sqnxt_tf.reports.benchmark import layers_lines, layers_table
from sqnxt_tf.reports.benchmark_picture import draw_benchmark
from sqnxt_tf.workflows.benchmark import BenchmarkResult, benchmark


def shares(times: dict[str, float], cycles: dict[str, float] | None, spread: float = 0.01) -> LayerShares:
    """Layers by name; names in capitals are what the runtime put in between."""
    layers = tuple(
        LayerTime(
            index=None if name.isupper() else place, name=name, op="Op", milliseconds=time, low=time * (1 - spread),
            high=time * (1 + spread),
        )
        for place, (name, time) in enumerate(times.items())
    )  # fmt: skip
    timing = Timing(
        path=Path("a.onnx"), bytes=1, precision=None, runtime="onnxruntime", version="1", provider="CPU", options={},
        threads=1, batch=1, load_ms=1, first_ms=1, warmup=5, milliseconds=np.ones(2), round_sizes=(2,),
        rss_before_load_bytes=None, peak_rss_bytes=None, tolerance=0.02, layers=layers,
    )  # fmt: skip
    if cycles is None:
        return layer_shares(timing)
    costs = [SimpleNamespace(name=name, cycles=value) for name, value in cycles.items()]
    report: Any = SimpleNamespace(costs=costs, accelerator=SimpleNamespace(name="array"))
    return layer_shares(timing, report)


def test_layers_that_both_know_are_compared_among_themselves() -> None:
    found = shares({"a": 3, "REORDER": 4, "b": 1, "relu": 2}, {"a": 500, "b": 500})
    assert {layer.name: layer.measured for layer in found.compared} == {"a": 0.75, "b": 0.25}
    assert {layer.name: layer.simulated for layer in found.compared} == {"a": 0.5, "b": 0.5}
    assert found.others_share == pytest.approx(0.6)
    assert found.total_ms == 10
    assert sum(layer.measured for layer in found.others) == pytest.approx(0.6)  # of all that was measured
    alone = shares({"a": 3, "REORDER": 1}, None)
    assert [layer.measured for layer in alone.compared] == [0.75, 0.25]
    assert alone.to_json()["layers"][0]["simulated_cycles"] is None


def test_times_of_few_microseconds_are_said_to_be_rough() -> None:
    def lines(milliseconds: float) -> str:
        layer = LayerTime(
            index=0, name="a", op="Conv", milliseconds=milliseconds, low=milliseconds, high=milliseconds,
            kernels=("Convolution (NHWC, F32) IGEMM",), fused=("pad",),
        )  # fmt: skip
        timing = replace(shares({"a": 1.0}, None).timing, runtime="LiteRT", layers=(layer,))
        return "\n".join(layers_lines(layer_shares(timing)))

    assert "whole microseconds: the sum is known to ±10.0 %" in lines(0.005)
    assert "microseconds" not in lines(0.05)
    assert "1 operator of the file has no time of its own: LiteRT made it part of these layers" in lines(0.05)


def test_what_the_runtime_fused_away_is_told() -> None:
    found = shares({"a": 3, "b": 1}, {"a": 500, "b": 500, "c": 7})
    assert found.not_measured == ("c",)
    assert sum(layer.simulated or 0 for layer in found.compared) == 1
    assert "fused into other nodes by onnxruntime, and left out: c" in layers_lines(found)


def test_they_disagree_beyond_a_factor_a_part_of_the_whole_and_the_spread() -> None:
    found = shares({"a": 40, "b": 20, "c": 39.9, "d": 0.1}, {"a": 200, "b": 400, "c": 399.6, "d": 0.4})
    assert {layer.name: layer.verdict for layer in found.compared} == {"a": HERE, "b": THERE, "c": "", "d": ""}
    assert [layer.name for layer in found.disagreements] == ["a", "b"]
    wide = shares({"a": 40, "b": 20, "c": 40}, {"a": 200, "b": 400, "c": 400}, spread=0.6)
    assert not wide.disagreements


def test_the_order_of_the_layers_is_one_number() -> None:
    times = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    assert shares(times, {name: 7 * time for name, time in times.items()}).rank_correlation == pytest.approx(1)
    assert shares(times, {name: 5 - time for name, time in times.items()}).rank_correlation == pytest.approx(-1)
    assert shares(times, None).rank_correlation is None


def test_layers_that_cost_the_same_share_a_rank() -> None:
    """As in scipy.stats.spearmanr; the places of equal ones in the graph say nothing."""
    times = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    assert shares(times, {"a": 5, "b": 5, "c": 5, "d": 9}).rank_correlation == pytest.approx(0.7745967)
    assert shares(times, {"a": 5, "b": 5, "c": 9, "d": 9}).rank_correlation == pytest.approx(0.8944272)
    assert shares(times, dict.fromkeys(times, 5)).rank_correlation is None


def test_the_phases_of_a_transposed_convolution_are_one_layer() -> None:
    found = shares({"up": 1, "b": 1}, {"up phase 0,0": 10, "up phase 0,1": 20, "b": 30})
    assert {layer.name: layer.cycles for layer in found.compared} == {"up": 30, "b": 30}


def test_a_person_is_told_what_disagrees() -> None:
    found = shares({"a": 40, "b": 20, "c": 40, "REORDER": 25}, {"a": 200, "b": 400, "c": 400})
    text = "\n".join([*layers_table(found).to_lines(), *layers_lines(found)])
    for words in (
        "beside array", "x2.00", "x0.50", "a is dearer here: 40.0 % of the time, 20.0 % of the cycles",
        "20.0 % of the 125.00 ms is spent in nodes without array cycles: Op 20.0 %", "1 of 3 layers, with 40.0 %",
    ):  # fmt: skip
        assert words in text


def test_what_the_profiler_adds_is_told() -> None:
    for cycles in (None, {"a": 1}):
        assert "2.00 ms under the profiler, and a run 1.00 ms" in layers_lines(shares({"a": 2}, cycles))[0]
        assert not any("under the profiler" in line for line in layers_lines(shares({"a": 1.05}, cycles)))


def test_a_graph_without_a_layer_to_compare_is_drawn_as_a_file(tmp_path: Path) -> None:
    found = shares({"pool": 1}, {"conv": 1})
    assert not found.compared
    timed = Benchmark(timings=(found.timing,), load=None)
    draw_benchmark(BenchmarkResult(benchmark=timed, layers=(found,)), tmp_path / "a.svg")
    assert "milliseconds a run" in (tmp_path / "a.svg").read_text()


@pytest.fixture
def graph(tmp_path: Path) -> Callable[[str], Path]:
    """One convolution, or a graph without any shape that the simulator could cost."""

    def write(batch: str) -> Path:
        side: int | str = 1 if batch == "1" else batch
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
            helper.make_node("Relu", ["c"], ["r"], name="relu"),
            helper.make_node("Flatten", ["r"], ["y"], name="flat"),
        ]
        weights = {"w": np.ones((4, 3, 3, 3), np.float32)}
        return save_graph(tmp_path / f"{batch}.onnx", nodes, {"x": [side, 3, 8, 8]}, {"y": [side, 4 * 36]}, weights)

    return write


@pytest.mark.parametrize("batch", ["1", "free"])
def test_a_graph_is_timed_and_simulated_at_the_same_batch(graph: Callable[[str], Path], batch: str) -> None:
    result = benchmark([graph(batch)], seconds=0.2, accelerator="squeezelerator-8x8")
    (found,) = result.layers
    assert [(layer.name, layer.measured, layer.simulated) for layer in found.compared] == [("conv", 1, 1)]
    assert {layer.name for layer in found.others} >= {"flat"}
    assert result.to_json()[0]["layers"][0]["simulated_cycles"] > 0
    assert result.layer_rows()[0]["path"].endswith(f"{batch}.onnx")


def test_an_unknown_accelerator_is_told_before_anything_is_timed(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="nowhere"):
        benchmark([tmp_path / "not-there.onnx"], accelerator="nowhere")

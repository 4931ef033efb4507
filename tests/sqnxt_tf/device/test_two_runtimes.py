"""One model's layers in both runtimes, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from sqnxt_tf.device.layer_shares import LayerShares, layer_shares
from sqnxt_tf.device.timings import Benchmark, LayerTime, Timing
from sqnxt_tf.device.two_runtimes import runtime_pairs
from sqnxt_tf.reports.two_runtimes import pair_table
from sqnxt_tf.workflows.benchmark import BenchmarkResult


def shares(
    path: str, times: Mapping[str, float], *, fused: Sequence[str] = (), precision: str = "int8", threads: int = 1
) -> LayerShares:
    layers = tuple(
        LayerTime(
            index=place, name=name, op="Conv", milliseconds=time, low=time, high=time, kernels=("Convolution",),
            fused=tuple(fused),
        )
        for place, (name, time) in enumerate(times.items())
    )  # fmt: skip
    return layer_shares(
        Timing(
            path=Path(path), bytes=1, precision=precision, runtime="r", version="1", provider="p", options={},
            threads=threads, batch=1, load_ms=1, first_ms=1, warmup=5, milliseconds=np.ones(2), round_sizes=(2,),
            rss_before_load_bytes=None, peak_rss_bytes=None, tolerance=0.02, layers=layers,
        )
    )  # fmt: skip


def test_layers_of_one_model_stand_side_by_side() -> None:
    net, lite = shares("a.onnx", {"conv1": 3, "relu": 1, "fc": 1}), shares("a.tflite", {"fc": 2, "conv1": 1, "mean": 1})
    (pair,) = runtime_pairs([net, lite])
    rows = {layer.name: layer for layer in pair.layers}
    assert list(rows) == ["conv1", "relu", "fc", "mean"]
    assert rows["conv1"].onnx is not None
    assert rows["conv1"].tflite is not None
    assert (rows["conv1"].onnx.milliseconds, rows["conv1"].tflite.milliseconds) == (3, 1)
    assert rows["relu"].tflite is None
    assert rows["mean"].onnx is None
    cells = [line.split() for line in pair_table(pair).to_lines(200)]
    assert ["conv1", "Conv", "3.000", "1.000", "0.33", "60.00", "25.00"] in cells
    assert ["total", "5.000", "4.000", "0.80", "100.00", "100.00"] in cells


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([shares("a.onnx", {"a": 1, "b": 1}), shares("b.tflite", {"x": 1, "y": 1})], []),
        ([shares("a.onnx", {"a": 1}, threads=2), shares("a.tflite", {"a": 1})], []),
        ([shares("a.onnx", {"a": 1}), shares("b.onnx", {"a": 1})], []),
        (
            [
                shares("f.onnx", {"a": 1}, precision="float32"),
                shares("i.onnx", {"a": 1}),
                shares("i.tflite", {"a": 1}),
                shares("h.tflite", {"a": 1}, precision="float16"),
            ],
            [("i.onnx", "i.tflite"), ("f.onnx", "h.tflite")],
        ),
    ],
)
def test_only_files_of_one_model_are_paired(files: list[LayerShares], expected: list[tuple[str, str]]) -> None:
    pairs = runtime_pairs(files)
    assert [(pair.onnx.timing.path.name, pair.tflite.timing.path.name) for pair in pairs] == expected


def test_the_document_names_the_other_file_and_its_times() -> None:
    net, lite = shares("a.onnx", {"conv1": 3, "relu": 1}), shares("a.tflite", {"conv1": 2}, fused=["relu"])
    alone = shares("b.tflite", {"x": 1, "y": 1})
    result = BenchmarkResult(
        benchmark=Benchmark(timings=(net.timing, lite.timing, alone.timing), load=None), layers=(net, lite, alone)
    )
    first, second, third = result.to_json()
    assert (first["beside"], second["beside"]) == ("a.tflite", "a.onnx")
    assert [row["beside_ms"] for row in first["layers"]] == [2, None]
    assert [row["beside_ms"] for row in second["layers"]] == [3]
    assert second["layers"][0]["fused"] == ["relu"]
    assert "beside" not in third
    assert {row["path"] for row in result.layer_rows()} == {"a.onnx", "a.tflite", "b.tflite"}

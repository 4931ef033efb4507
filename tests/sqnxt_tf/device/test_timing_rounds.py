from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.onnx_graphs import write_quadrants
from sqnxt_export import ExportError
from sqnxt_tf.bundled import bundled_file
from sqnxt_tf.device.timing_client import TimingClient
from sqnxt_tf.device.timing_rounds import time_artifacts
from sqnxt_tf.device.timings import Benchmark, Timing
from sqnxt_tf.reports.benchmark import benchmark_lines

CONTRACT = {
    "path", "format", "precision", "runtime", "threads", "bytes", "latency_ms", "warmup", "runs", "peak_rss_bytes"
}  # fmt: skip


def test_files_take_turns_and_the_document_has_what_was_agreed(quadrants: Callable[..., Path]) -> None:
    first, second = quadrants("a.onnx"), quadrants("b.onnx", pixels=True)
    told: list[str] = []
    result = time_artifacts(
        [first, second], threads=(1, 2), seconds=1, progress=lambda task, done, total, **figures: told.append(task)
    )
    assert [(timing.path, timing.threads) for timing in result.timings] == [
        (first, 1), (first, 2), (second, 1), (second, 2)
    ]  # fmt: skip
    assert len({len(timing.round_sizes) for timing in result.timings}) == 1  # a turn each in every round
    for entry in result.to_json():
        assert entry.keys() >= CONTRACT
        times = entry["latency_ms"]
        assert 0 < times["p50"] <= times["p90"] <= times["p99"]
        assert entry["runs"] >= 100
        assert entry["peak_rss_bytes"] > 20e6  # Python and onnxruntime at the least
        assert entry["ratio"]["interval"][0] <= entry["ratio"]["value"] <= entry["ratio"]["interval"][1]
    assert result.to_json()[0]["ratio"]["value"] == 1
    assert any(task.startswith("timing") for task in told)


def test_what_cannot_be_timed_is_told_and_the_rest_is_done(quadrants: Callable[..., Path], tmp_path: Path) -> None:
    good = quadrants("good.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    (tmp_path / "model.keras").write_bytes(b"PK")
    told: list[str] = []
    flat = write_quadrants(tmp_path / "flat.onnx", rank=2)
    paths = [tmp_path / "bad.onnx", tmp_path / "gone.tflite", tmp_path / "model.keras", flat, good]
    result = time_artifacts(paths, threads=(1, 2), seconds=0.2, on_fault=lambda error: told.append(str(error)))
    assert [timing.path for timing in result.timings] == [flat, flat, good, good]
    assert len(told) == 3  # one each, whatever the threads
    assert "not an ONNX file" in told[0]
    assert "no such file" in told[1]
    assert "is a model, not an artifact" in told[2]
    with pytest.raises(ExportError, match="not an ONNX file"):
        time_artifacts(paths)


def test_a_process_that_dies_between_its_turns_takes_only_its_own_file_with_it(
    quadrants: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []
    ask = TimingClient.ask

    def dying(client: TimingClient, do: str, **details: Any) -> dict[str, Any]:
        if do == "turn" and client.path.name == "b.onnx":
            turns.append(do)
            if len(turns) == 3:
                os.kill(client._process.pid, signal.SIGKILL)
        return ask(client, do, **details)

    monkeypatch.setattr(TimingClient, "ask", dying)
    told: list[str] = []
    paths = [quadrants("b.onnx"), quadrants("a.onnx")]
    result = time_artifacts(paths, seconds=0.5, on_fault=lambda error: told.append(str(error)))
    assert [timing.path.name for timing in result.timings] == ["a.onnx"]
    assert len(result.timings[0].round_sizes) > 3
    assert len(told) == 1
    assert "was killed" in told[0]


def test_layers_are_profiled_where_asked_for(quadrants: Callable[..., Path]) -> None:
    (timing,) = time_artifacts([quadrants()], seconds=0.2, per_layer=True).timings
    assert [(layer.index, layer.op) for layer in timing.layers] == [(0, "AveragePool"), (1, "Flatten")]
    assert all(layer.low - 1e-9 <= layer.milliseconds <= layer.high + 1e-9 for layer in timing.layers)


def test_layers_of_a_tflite_file_are_profiled_too() -> None:
    (timing,) = time_artifacts([bundled_file("digits.tflite")], seconds=0.2, per_layer=True).timings
    assert timing.layers[0].op in ("QuantizeLinear", "Conv")
    assert {"Conv", "Add"} <= {layer.op for layer in timing.layers}
    assert all(layer.kernels for layer in timing.layers)


def test_a_profiler_that_ends_its_process_leaves_the_times(
    quadrants: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = TimingClient.ask

    def dying(client: TimingClient, do: str, **details: Any) -> dict[str, Any]:
        if do == "profile":
            os.kill(client._process.pid, signal.SIGSEGV)
        return ask(client, do, **details)

    monkeypatch.setattr(TimingClient, "ask", dying)
    told: list[str] = []
    (timing,) = time_artifacts(
        [quadrants()], seconds=0.2, per_layer=True, on_fault=lambda error: told.append(str(error))
    ).timings
    assert not timing.layers
    assert timing.p50_ms > 0
    assert len(told) == 1


def timing(milliseconds: list[float], *, tolerance: float = 0.02) -> Timing:
    return Timing(
        path=Path("a.onnx"), bytes=1, precision=None, runtime="r", version="1", provider="p", options={}, threads=1,
        batch=2, load_ms=1, first_ms=1, warmup=5, milliseconds=np.array(milliseconds, np.float64),
        round_sizes=(2,) * (len(milliseconds) // 2), rss_before_load_bytes=10, peak_rss_bytes=30, tolerance=tolerance,
    )  # fmt: skip


def test_a_quiet_machine_is_not_warned_of_and_a_noisy_one_is() -> None:
    quiet = timing([1.0, 1.01] * 50)
    assert quiet.is_stable
    assert not Benchmark(timings=(quiet,), load=3.0).noise
    tail = timing([1.0] * 80 + [4.0] * 20)
    assert any("a tenth of the runs took at least 4.0 times" in line for line in tail.noise)
    unknown = timing([1.0, 1.0, 2.0, 2.0, 3.0, 3.0] * 5)
    assert not unknown.is_stable
    noise = Benchmark(timings=(unknown,), load=3.0).noise
    assert "known to ±" in noise[0]
    assert "3.0 running programs a core" in noise[-1]


def test_too_few_rounds_for_an_interval_are_told() -> None:
    found = timing([1.0, 1.0] * 5)
    assert not found.is_stable
    assert found.noise == ["5 rounds are too few for an interval"]


def test_a_p99_of_few_runs_is_told() -> None:
    few, enough = timing([1.0, 1.0] * 49), timing([1.0, 1.0] * 50)
    told = "fewer than 100 runs, so that p99 is near the longest (raise --seconds): a.onnx"
    assert told in benchmark_lines(Benchmark(timings=(few, few), load=None))
    assert told not in benchmark_lines(Benchmark(timings=(enough,), load=None))


def test_throughput_counts_the_images_of_a_batch_and_memory_is_the_models() -> None:
    found = timing([10.0, 10.0])
    assert found.images_per_second == pytest.approx(200)
    assert found.model_bytes == 20

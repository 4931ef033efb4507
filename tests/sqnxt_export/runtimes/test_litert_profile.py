"""The time of each operator of a .tflite file by LiteRT's profiler, each counted once and under its layer's name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.repository import ROOT
from helpers.tflite_graphs import TfliteMaker
from sqnxt_export import ExportError, NodeTime, check_artifact, profile_tflite, to_tflite
from sqnxt_export.artifact.tflite_layers import read_tflite_layers
from sqnxt_export.runtimes import litert_library
from sqnxt_export.runtimes.litert_library import KNOWN_VERSIONS
from sqnxt_export.runtimes.timed_call import open_timed

KERAS_LAYERS = {
    "stem", "pool", "block0_squeeze1", "block0_squeeze2", "block0_3x1", "block0_1x3", "block0_expand",
    "block1_shortcut", "block1_squeeze1", "block1_squeeze2", "block1_3x1", "block1_1x3", "block1_expand",
    "head", "logits",
}  # fmt: skip


def profiled(path: Path, runs: int = 3, **settings: Any) -> tuple[NodeTime, ...]:
    check_artifact(path)
    return profile_tflite(path, threads=1, runs=runs, warmup=1, **settings)


def assert_each_counts_once(path: Path, times: Sequence[NodeTime]) -> None:
    """Every operator of the file is a row of its own, or part of one row."""
    operators = read_tflite_layers(path).operators
    names = [operator.name for operator in operators]
    assert len(set(names)) == len(names)
    own = [time.name for time in times if time.index is not None]
    assert sorted([*own, *(name for time in times for name in time.fused)]) == sorted(names)
    for row in times:
        assert (row.milliseconds >= 0).all()
        if row.index is not None:
            assert (row.name, row.op) == (names[row.index], operators[row.index].onnx_op)


FEW = [("squeezenext_like", "float32"), ("squeezenext_like", "int8")]
ALL = [
    (network, precision)
    for network in ("squeezenext_like", "alexnet_like", "mobilenet_like")
    for precision in ("float32", "int8", "float16", "int8-weights", "int16x8")
]


@pytest.mark.parametrize(
    ("network", "precision"),
    [*FEW, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in ALL if pair not in FEW)],
)
def test_every_operator_counts_once(models: Any, images: Any, tmp_path: Path, network: str, precision: str) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(to_tflite(models[network], precision, images if precision in ("int8", "int16x8") else None))
    times = profiled(path)
    assert_each_counts_once(path, times)
    assert all(row.index is not None for row in times)  # XNNPACK's operators are all known
    assert all(row.milliseconds.shape == (3,) for row in times)
    if network == "squeezenext_like":
        assert {row.name for row in times} >= KERAS_LAYERS
    weighted = [row for row in times if row.op in ("Conv", "Gemm")]
    if precision != "int16x8":  # XNNPACK leaves it to LiteRT's own kernels
        assert all(any("Conv" in one or "Fully" in one for one in row.kernels) for row in weighted)
    if precision == "float16":  # the conversion of weights is no work of a run
        assert {part for row in times for part in row.fused}
        assert not any(row.op == "DequantizeLinear" for row in times)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_sum_is_the_time_of_a_run(precision: str, tmp_path: Path) -> None:
    """By the shortest runs of both, which other programs on the machine do not lengthen."""
    from sqnxt_tf import export

    path = tmp_path / "net.tflite"
    export("squeezenet_v1_1", path, format="tflite", precision=precision, input_size=128, samples=4)
    ratios = []
    for _ in range(5):
        layers = sum(row.milliseconds for row in profile_tflite(path, threads=1, runs=40))
        call, runs = open_timed(path, threads=1).call, []
        for _ in range(45):
            began = time.perf_counter()
            call()
            runs.append(1e3 * (time.perf_counter() - began))
        ratios.append(float(np.min(layers)) / min(runs))
    assert np.median(ratios) == pytest.approx(1, abs=0.1)


def two_parts(path: Path) -> Path:
    """Write a graph of two parts for XNNPACK with an operator between them that XNNPACK lacks."""
    make = TfliteMaker()
    make.tensor("image", [1, 8, 8, 4], is_input=True)
    make.tensor("pads", [4, 2], "int32", values=[[0, 0], [1, 1], [1, 1], [0, 0]])
    make.tensor("kernel", [4, 3, 3, 4], values=np.ones((4, 3, 3, 4)))
    make.tensor("bias", [4], values=np.ones(4))
    make.tensor("shape", [2], "int32", values=[1, 256])
    make.tensor("axis", [1], "int32", values=[1])
    make.node("PAD", ["image", "pads"], [make.tensor("padded", [1, 10, 10, 4])], options="PadOptions")
    convolved = make.tensor("convolved", [1, 8, 8, 4])
    conv = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    make.node("CONV_2D", ["padded", "kernel", "bias"], [convolved], options="Conv2DOptions", **conv)
    added = make.tensor("added", [1, 8, 8, 4])
    make.node("ADD", [convolved, convolved], [added], options="AddOptions", fusedActivationFunction=1)
    flat = make.tensor("flat", [1, 256])
    make.node("RESHAPE", [added, "shape"], [flat], options="ReshapeOptions", newShape=[1, 256])
    summed = make.tensor("summed", [1, 256])
    make.node("CUMSUM", [flat, "axis"], [summed], options="CumsumOptions")
    make.node("LOGISTIC", [summed], [make.tensor("answer", [1, 256])])
    path.write_bytes(make.to_bytes())
    return path


def test_padding_activations_and_parts_go_where_they_belong(tmp_path: Path) -> None:
    path = two_parts(tmp_path / "parts.tflite")
    times = profiled(path)
    assert_each_counts_once(path, times)
    rows = {row.name: row for row in times}
    assert "padded" in rows["convolved"].fused or rows["padded"].kernels
    assert [name.partition(" ")[0] for name in rows["added"].kernels] == ["Add", "Clamp"]
    assert not rows["summed"].kernels  # LiteRT's own kernel
    assert rows["summed"].op == "CumSum"
    assert [name.partition(" ")[0] for name in rows["answer"].kernels] == ["Sigmoid"]
    assert [row.index for row in times] == sorted(row.index for row in times if row.index is not None)


def test_free_sides_and_several_inputs_are_given(tmp_path: Path) -> None:
    make = TfliteMaker()
    for name in ("left", "right"):
        make.tensor(name, [1, 512], is_input=True)
        make.graph.tensors[-1].shapeSignature = [-1, 512]
    make.tensor("number", [1], "int32", is_input=True)
    make.node("ADD", ["left", "right"], [make.tensor("sum", [1, 512])], options="AddOptions")
    make.node("MUL", ["sum", "left"], [make.tensor("product", [1, 512])], options="MulOptions")
    make.graph.tensors[-1].shapeSignature = [-1, 512]
    path = tmp_path / "free.tflite"
    path.write_bytes(make.to_bytes())
    small = profiled(path, runs=5)
    large = profiled(path, runs=5, dims={"left:0": 4000, "right:0": 4000})
    assert [row.name for row in small] == [row.name for row in large] == ["sum", "product"]
    assert np.median(sum(row.milliseconds for row in large)) > 10 * np.median(sum(row.milliseconds for row in small))


def test_another_version_is_refused(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_library.importlib.metadata, "version", lambda name: "2.9.9")
    with pytest.raises(ExportError) as caught:
        profiled(files["tflite"])
    known = KNOWN_VERSIONS[-1]
    assert str(caught.value) == (
        "ai-edge-litert 2.9.9: has a C interface that is not known here, so it cannot time layers; that of "
        f"{known} is; install it with `pip install ai-edge-litert=={known}`, or measure it without its layers"
    )


def test_a_missing_library_and_a_missing_function_are_told(
    files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            litert_library, "require", lambda *_: SimpleNamespace(__file__=str(tmp_path / "interpreter.py"))
        )
        with pytest.raises(ExportError, match=r"^libLiteRt\S+: is not in \S+, and is needed to time layers; install "):
            profiled(files["tflite"])
        for name in ("libLiteRt.so", "libLiteRt.dylib", "libLiteRt.dll"):
            (tmp_path / name).write_bytes(b"no library")
        with pytest.raises(ExportError, match=r"cannot time layers .*; install the wheel of ai-edge-litert"):
            profiled(files["tflite"])
    monkeypatch.setitem(litert_library._SIGNATURES, "LiteRtOfTomorrow", ())
    with pytest.raises(ExportError, match=r"cannot time layers .*LiteRtOfTomorrow.*; install the wheel"):
        profiled(files["tflite"])


def test_what_does_not_fit_the_file_is_refused(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqnxt_export.runtimes import litert_profile

    monkeypatch.setattr(litert_profile, "delegated_parts", lambda *_: [])
    with pytest.raises(ExportError, match="has 0 parts for XNNPACK, whose profiler tells of 1; measure it without"):
        profiled(files["tflite"])


def test_what_runs_other_graphs_is_refused(tmp_path: Path) -> None:
    make = TfliteMaker()
    make.tensor("x", [1, 4], is_input=True)
    make.node("WHILE", ["x"], [make.tensor("y", [1, 4])], options="WhileOptions")
    path = tmp_path / "loop.tflite"
    path.write_bytes(make.to_bytes())
    with pytest.raises(ExportError, match="has a WHILE, inside which LiteRT's profiler tells no operators apart"):
        profile_tflite(path, threads=1, runs=1)


def test_the_tried_version_is_the_one_that_is_installed_and_tested() -> None:
    pinned = next(line for line in (ROOT / "constraints.txt").read_text().splitlines() if "ai-edge-litert" in line)
    assert pinned.partition("==")[2] in KNOWN_VERSIONS

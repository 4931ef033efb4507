"""The time of each node by onnxruntime's profiler, under the file's own names although the graph was rewritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sqnxt_export import ExportError, check_artifact, open_model, profile_onnx, quantise_onnx, to_onnx
from sqnxt_export.convert.to_onnx import checked
from sqnxt_export.runtimes.onnx_origins import Origins

WEIGHTED = {"Conv", "Gemm", "MatMul"}


@pytest.mark.parametrize("precision", ["float32", "float16", "int16", "int8"])
@pytest.mark.parametrize("network", ["squeezenext_like", "alexnet_like", "mobilenet_like"])
def test_every_layer_with_weights_is_found_once(
    models: Any, images: Any, tmp_path: Path, network: str, precision: str
) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(checked(quantise_onnx(to_onnx(models[network]), precision, images)), path)
    nodes = onnx.load(path).graph.node
    expected = [index for index, node in enumerate(nodes) if node.op_type in WEIGHTED]
    times = profile_onnx(path, threads=1, options=check_artifact(path), runs=3)
    found = [time.index for time in times if time.index is not None]
    assert sorted(set(found) & set(expected)) == expected
    assert len(set(found)) == len(found)
    for time in times:
        assert time.milliseconds.shape == (3,)
        assert time.index is None or time.name == (nodes[time.index].name or nodes[time.index].output[0])


def test_names_are_not_needed_and_the_files_own_stay(models: Any, tmp_path: Path) -> None:
    model = to_onnx(models["squeezenext_like"])
    for node in model.graph.node:
        node.name = ""
    path = tmp_path / "unnamed.onnx"
    onnx.save(model, path)
    before = path.read_bytes()
    outputs = {node.output[0] for node in model.graph.node if node.op_type == "Conv"}
    assert outputs <= {time.name for time in profile_onnx(path, threads=1, options={}, runs=2)}
    assert path.read_bytes() == before


def test_a_blocked_convolution_is_not_its_shortcut() -> None:
    """Two convolutions meet in an Add, which onnxruntime fuses into the later one and names after the Add."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["shortcut"]),
        helper.make_node("Conv", ["x", "w"], ["main"]),
        helper.make_node("Add", ["shortcut", "main"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["relu"]),
    ]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 1])
    origins = Origins(helper.make_graph(nodes, "g", [value], [value]))
    assert origins.of({"relu_nchwc": "Conv", "shortcut_nchwc": "Conv", "ReorderOutput": "ReorderOutput"}) == {
        "relu_nchwc": 1,
        "shortcut_nchwc": 0,
        "ReorderOutput": None,
    }
    assert origins.of({"sqnxt3_": "Relu", "sqnxt0__token_7": "QLinearConv"}) == {"sqnxt3_": 3, "sqnxt0__token_7": 0}
    assert origins.of({"sqnxt2_/Fusion/": "DynamicQuantizeMatMul"}) == {"sqnxt2_/Fusion/": 2}


def test_what_onnxruntime_cannot_run_is_told(tmp_path: Path) -> None:
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])
    node = helper.make_node("Mystery", ["x"], ["y"], domain="nobody")
    graph = helper.make_graph([node], "g", [image], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("nobody", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "odd.onnx")
    with pytest.raises(ExportError, match=r"odd.onnx: onnxruntime cannot profile it"):
        profile_onnx(tmp_path / "odd.onnx", threads=1, options={}, runs=1)


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_timed_call_runs_the_same_graph(files: dict[str, Path], images: Any, kind: str) -> None:
    options = check_artifact(files[kind])
    runner = open_model(files[kind], threads=1, options=options or None, checked=True)
    given = images[: runner.batch or 1]
    np.testing.assert_allclose(np.ravel(runner.call(given)()), np.ravel(runner.run(given)), rtol=1e-6, atol=1e-6)
    assert runner.provider in {"CPUExecutionProvider", "XNNPACK"}
    with pytest.raises(ExportError, match="got input of shape"):
        runner.call(given[:, 1:])


def test_models_are_no_artifacts(files: dict[str, Path]) -> None:
    with pytest.raises(ExportError, match="is a model, not an artifact"):
        check_artifact(files["keras"])

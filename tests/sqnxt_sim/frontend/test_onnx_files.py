"""Broken files are refused in one line that says what and where, without a traceback and in little memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import make_function, make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from sqnxt_sim import SimulatorError, load_accelerator, read_onnx, simulate_workload


def good_model() -> ModelProto:
    nodes = [make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), make_node("Relu", ["c"], ["y"])]
    graph = make_graph(
        nodes,
        "graph",
        [make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 8, 8])],
        [numpy_helper.from_array(np.ones((16, 3, 9, 9), np.float32), "w")],
    )
    graph.node[0].attribute[0].ints[:] = [4, 4, 4, 4]
    return make_model(graph, opset_imports=[make_opsetid("", 18)], ir_version=8)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Return a function that reads a model, which must be refused, for its message."""

    def refuse(model: ModelProto | bytes) -> str:
        path = tmp_path / "model.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        with pytest.raises(SimulatorError) as error:
            read_onnx(path)
        message = str(error.value)
        assert message.startswith(str(path)) or message.startswith("model.onnx") or message.startswith("layer ")
        assert "\n" not in message
        assert len(message) < 600
        return message

    return refuse


def test_the_good_model_is_good(tmp_path: Path) -> None:
    path = tmp_path / "good.onnx"
    path.write_bytes(good_model().SerializeToString())
    assert read_onnx(path).conv_layers[0].macs == 64 * 16 * 3 * 81


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="no such file"):
        read_onnx(tmp_path / "absent.onnx")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="is a folder"):
        read_onnx(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x08", b"not an onnx file at all", b"PK\x03\x04" + bytes(100), bytes(1000)])
def test_garbage(refused: Any, content: bytes) -> None:
    refused(content)


@pytest.mark.parametrize("name", ["x.keras", "x.tflite", "x.h5", "x"])
@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(100), b"\x1c\x00\x00\x00TFL3", b"\x89HDF\r\n\x1a\n", b""])
def test_a_file_of_another_kind(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SimulatorError, match=r"is not an ONNX file; export the model to an \.onnx file first") as error:
        read_onnx(path)
    assert str(error.value).startswith(f"{path}: is not an ONNX file; ")
    assert "\n" not in str(error.value)


def test_a_graph_under_another_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.pb"
    path.write_bytes(good_model().SerializeToString())
    assert len(read_onnx(path).layers) == 2


def test_truncated(refused: Any) -> None:
    content = good_model().SerializeToString()
    for size in range(1, len(content), len(content) // 40):
        refused(content[:size])


def test_a_cycle(refused: Any) -> None:
    model = good_model()
    model.graph.node[0].input[0] = "y"
    assert "not a valid graph" in refused(model)


def test_wrong_types(refused: Any) -> None:
    model = good_model()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((16, 3, 9, 9), np.int64), "w"))
    refused(model)


def test_channels_that_do_not_fit(refused: Any) -> None:
    model = good_model()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((16, 5, 9, 9), np.float32), "w"))
    refused(model)


def test_missing_weights(refused: Any) -> None:
    model = good_model()
    del model.graph.initializer[:]
    refused(model)


def test_weights_fewer_than_declared(refused: Any) -> None:
    model = good_model()
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    assert "'w'" in refused(model)


@pytest.mark.parametrize("size", [-1, 0, 2**40, 2**62])
def test_sizes_of_weights(refused: Any, size: int) -> None:
    model = good_model()
    model.graph.initializer[0].dims[0] = size
    refused(model)


@pytest.mark.parametrize("size", [-1, 0, 2**20, 2**62])
def test_sizes_of_inputs(refused: Any, size: int) -> None:
    model = good_model()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = size
    for dim in model.graph.output[0].type.tensor_type.shape.dim:
        dim.Clear()
    refused(model)


def test_an_unknown_operator(refused: Any) -> None:
    model = good_model()
    model.graph.node[1].op_type = "NoSuchOperator"
    assert "NoSuchOperator" in refused(model)


@pytest.mark.parametrize("location", ["absent.bin", "../outside.bin", "/etc/hostname"])
def test_external_data_that_is_absent_or_outside(tmp_path: Path, refused: Any, location: str) -> None:
    (tmp_path.parent / "outside.bin").write_bytes(bytes(16 * 3 * 81 * 4))
    model = good_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    assert "external data" in refused(model)


def test_external_data_in_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(good_model(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert read_onnx(path).conv_layers[0].nonzero_weights == 16 * 3 * 81


def calling(*bodies: list[str]) -> ModelProto:
    """Make a model that calls the last of some functions, each given as the operators that it applies in turn."""
    opsets = [make_opsetid("", 18), make_opsetid("local", 1)]

    def chain(ops: list[str], last: str) -> list[NodeProto]:
        names = ["x", *(f"t{step}" for step in range(1, len(ops))), last]
        return [
            make_node(op, [a], [b], domain="local" if op.startswith("f") else "")
            for op, (a, b) in zip(ops, pairwise(names), strict=True)
        ]

    functions = [
        make_function("local", f"f{number}", ["x"], ["y"], chain(ops, "y"), opsets) for number, ops in enumerate(bodies)
    ]
    values = [make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    graph = make_graph(chain([f"f{len(bodies) - 1}"], "y"), "graph", values[:1], values[1:])
    return make_model(graph, functions=functions, opset_imports=opsets, ir_version=8)


def test_functions_that_double_with_each_level(tmp_path: Path, refused: Any) -> None:
    def levels(count: int) -> ModelProto:
        return calling(["Relu"], *([f"f{level}"] * 2 for level in range(count)))

    path = tmp_path / "few.onnx"
    path.write_bytes(levels(5).SerializeToString())
    assert len(read_onnx(path).layers) == 2**5
    for count in (25, 90):
        assert "expand to more than 100000 nodes" in refused(levels(count))


def test_functions_that_copy_a_large_constant(refused: Any) -> None:
    model = calling(["Relu"], ["f0"] * 5000)
    model.functions[0].node[0].doc_string = "." * 2**18
    assert "expand to more than 1024 MiB" in refused(model)


def test_a_branch_that_calls_functions_counts(refused: Any) -> None:
    model = calling(["Relu"], *([f"f{level}"] * 2 for level in range(25)), ["Relu"])
    branch = make_graph(list(model.functions[-2].node), "branch", [], [])
    model.functions[-1].node[0].attribute.append(onnx.helper.make_attribute("body", branch))
    assert "expand to" in refused(model)


@pytest.mark.parametrize("bodies", [(["f0"],), (["f1"], ["f2", "Relu"], ["f0"])])
def test_functions_that_call_themselves(refused: Any, bodies: tuple[list[str], ...]) -> None:
    assert "calls itself" in refused(calling(*bodies))


def test_a_function_defined_twice(refused: Any) -> None:
    model = calling(["Relu"])
    model.functions.append(model.functions[0])
    assert "twice" in refused(model)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    content = bytearray(good_model().SerializeToString())
    # Most bytes of the file are weights, so the damage is done before and after them.
    places = [*range(200), *range(len(content) - 200, len(content))]
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.sampled_from(places))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "model.onnx"
    path.write_bytes(content)
    with suppress(SimulatorError):
        simulate_workload(read_onnx(path), load_accelerator("squeezelerator-8x8")).to_json()

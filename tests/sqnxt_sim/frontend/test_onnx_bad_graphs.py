"""Graphs that contradict themselves or are too large are refused in one line that says where, and in little memory."""

from __future__ import annotations

import os
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.helper import make_graph, make_node, make_tensor_value_info

from sqnxt_sim import SimulatorError, read_onnx

CONV = make_node("Conv", ["x", "w"], ["y"], name="conv")


def weights(*shape: int) -> NDArray[Any]:
    return np.ones(shape, np.float32)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Return a function that reads a model, which must be refused in one line and little memory, for its message."""

    def refuse(model: ModelProto, **options: Any) -> str:
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        tracemalloc.start()
        try:
            with pytest.raises(SimulatorError) as error:
                read_onnx(path, **options)
            assert tracemalloc.get_traced_memory()[1] < 2**24
        finally:
            tracemalloc.stop()
        message = str(error.value)
        assert message.startswith((str(path), "model.onnx", "layer "))
        assert "\n" not in message
        assert len(message) < 600
        return message

    return refuse


def test_two_nodes_that_feed_each_other(onnx_model: Any, refused: Any) -> None:
    nodes = [make_node("Add", ["x", "b"], ["a"]), make_node("Relu", ["a"], ["b"]), make_node("Relu", ["b"], ["y"])]
    assert "is not a valid graph" in refused(onnx_model(nodes, [1, 3]))


def test_a_cycle_among_operators_of_onnxruntime(onnx_model: Any, refused: Any) -> None:
    nodes = [
        make_node("Gelu", ["b"], ["a"], domain="com.microsoft"),
        make_node("Gelu", ["a"], ["b"], domain="com.microsoft"),
    ]
    assert "is not a valid graph" in refused(onnx_model(nodes, [1, 3], domains=["com.microsoft"]))


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "MatMul"])
def test_weights_that_nothing_produces(onnx_model: Any, refused: Any, op: str) -> None:
    message = refused(onnx_model([make_node(op, ["x", "absent"], ["y"])], [1, 3, 8, 8]))
    assert "is not a valid graph" in message
    assert "absent" in message


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "MatMul", "Gemm"])
def test_weights_of_another_type(onnx_model: Any, refused: Any, op: str) -> None:
    shape = [3, 3] if op == "Gemm" else [1, 3, 8, 8]
    tensors = [("w", np.ones((3, 3) if op == "Gemm" else (3, 3, 8, 8), np.int64))]
    assert "do not fit together" in refused(onnx_model([make_node(op, ["x", "w"], ["y"])], shape, tensors))


def test_a_tensor_written_twice(onnx_model: Any, refused: Any) -> None:
    nodes = [make_node("Relu", ["x"], ["y"]), make_node("Relu", ["x"], ["y"])]
    assert "is not a valid graph" in refused(onnx_model(nodes, [1, 3]))


@pytest.mark.parametrize(
    "given",
    [
        {"strides": [0, 1]}, {"strides": [-1, 1]}, {"strides": [1]}, {"dilations": [0, 1]}, {"pads": [-1, 0, 0, 0]},
        {"pads": [0, 0]}, {"group": 0}, {"group": 2}, {"group": -1}, {"auto_pad": "SAME"}, {"strides": [2**62, 1]},
        {"strides": [0, 0], "auto_pad": "SAME_UPPER"}, {"dilations": [2**62, 2**62]}, {"pads": [2**62] * 4},
    ],
)  # fmt: skip
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_attributes(onnx_model: Any, read: Any, op: str, given: dict[str, Any]) -> None:
    """The convolution is refused, or is a layer of one output pixel if its stride exceeds the map."""
    node = make_node(op, ["x", "w"], ["y"], name="conv", **given)
    model = onnx_model([node], [1, 3, 8, 8], [("w", weights(3, 3, 3, 3))])
    try:
        workload = read(model)
    except SimulatorError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert given == {"strides": [2**62, 1]}
        assert op == "Conv"
        assert workload.conv_layers[0].out_height == 1


@pytest.mark.parametrize("dims", [[2**32, 2**32, 3, 3], [2**62, 3, 3, 3], [2**31, 2**31, 2**31, 2**31], [0, 3, 3, 3]])
@pytest.mark.parametrize("field", ["raw_data", "float_data"])
def test_dimensions_beyond_the_data(onnx_model: Any, refused: Any, dims: list[int], field: str) -> None:
    model = onnx_model([CONV], [1, 3, 8, 8], [("w", weights(4, 3, 3, 3))])
    tensor = model.graph.initializer[0]
    tensor.dims[:] = dims
    if field == "float_data":
        tensor.ClearField("raw_data")
        tensor.float_data.extend([1.0])
    refused(model)


@pytest.mark.parametrize("dims", [[2**31, 3, 3, 3], [2**40, 2**40, 3, 3], [2**62, 3, 3, 3], [-1, 3, 3, 3]])
def test_one_value_in_absurdly_many_places(onnx_model: Any, refused: Any, dims: list[int]) -> None:
    nodes = [make_node("ConstantOfShape", ["shape"], ["w"]), CONV]
    refused(onnx_model(nodes, [1, 3, 8, 8], [("shape", np.array(dims))]))


def test_data_shorter_than_declared(onnx_model: Any, refused: Any) -> None:
    model = onnx_model([CONV], [1, 3, 8, 8], [("w", weights(40, 3, 3, 3))])
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-1]
    assert "tensor 'w' does not hold the values that its dimensions declare" in refused(model)


def test_a_zero_point_shorter_than_declared(onnx_model: Any, refused: Any) -> None:
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"]), CONV]
    tensors = [("q", np.ones((4, 3, 3, 3), np.int8)), ("s", np.float32(1)), ("z", np.int8(0))]
    model = onnx_model(nodes, [1, 3, 8, 8], tensors)
    model.graph.initializer[2].raw_data = b""
    refused(model)


def test_products_of_sizes_that_overflow(onnx_model: Any, refused: Any) -> None:
    """Each dimension is allowed, but the output of the transposed convolution is too large."""
    node = make_node("ConvTranspose", ["x", "w"], ["y"], name="up", strides=[2**31, 2**31])
    refused(onnx_model([node], [1, 3, 2**18, 2**18], [("w", weights(3, 3, 2, 2))]))


def external(path: Path, location: str, *, length: str | None = None) -> ModelProto:
    model = onnx.helper.make_model(
        make_graph(
            [CONV],
            "graph",
            [make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
            [make_tensor_value_info("y", TensorProto.FLOAT, [1, 40, 6, 6])],
            [numpy_helper.from_array(weights(40, 3, 3, 3), "w")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=8,
    )
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    if length is not None:
        tensor.external_data.add(key="length", value=length)
    return model


@pytest.mark.parametrize("kind", ["parent", "absolute", "link", "hard link", "folder"])
def test_external_data_outside_the_folder(tmp_path: Path, refused: Any, kind: str) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.bin"
    outside.write_bytes(weights(40, 3, 3, 3).tobytes())
    location = {"parent": f"../{outside.name}", "absolute": str(outside), "folder": "."}.get(kind, "inside.bin")
    if kind == "link":
        (tmp_path / "inside.bin").symlink_to(outside)
    elif kind == "hard link":
        os.link(outside, tmp_path / "inside.bin")
    assert "external data that cannot be read" in refused(external(tmp_path, location))


@pytest.mark.parametrize("length", [None, "10", "-5", str(2**62), "many"])
def test_external_data_of_another_length(tmp_path: Path, refused: Any, length: str | None) -> None:
    (tmp_path / "short.bin").write_bytes(bytes(10))
    refused(external(tmp_path, "short.bin", length=length))


def test_an_initializer_of_no_known_type(onnx_model: Any, refused: Any) -> None:
    model = onnx_model([CONV], [1, 3, 8, 8], [("w", weights(40, 3, 3, 3))])
    model.graph.initializer[0].data_type = 99
    refused(model)


@pytest.mark.parametrize("op", ["ConstantOfShape", "Expand", "Range"])
def test_arithmetic_on_shapes_that_would_take_memory(onnx_model: Any, refused: Any, op: str) -> None:
    """Values that a shape depends on are computed, but not half a gigabyte of them."""
    inputs = {"ConstantOfShape": ["size"], "Expand": ["one", "size"], "Range": ["none", "limit", "step"]}[op]
    given = {"value": numpy_helper.from_array(np.array([0]))} if op == "ConstantOfShape" else {}
    nodes = [
        make_node(op, inputs, ["large"], **given),
        make_node("ReduceMax", ["large"], ["most"], keepdims=0),
        make_node("Mul", ["most", "pads"], ["shift"]),
        make_node("Pad", ["x", "shift"], ["padded"]),
        make_node("Conv", ["padded", "w"], ["y"]),
    ]
    tensors = {"size": [2**26], "one": [1], "none": 0, "limit": 2**26, "step": 1, "pads": [0] * 8}
    arrays = [(name, np.array(value, np.int64)) for name, value in tensors.items()]
    refused(onnx_model(nodes, [1, 3, 8, 8], [*arrays, ("w", weights(4, 3, 3, 3))]))


def test_a_long_vector_is_not_written_out(onnx_model: Any, refused: Any) -> None:
    """onnx's own propagation of values would keep all of them, in memory that Python does not count."""
    nodes = [
        make_node("ConstantOfShape", ["size"], ["large"], value=numpy_helper.from_array(np.array([0]))),
        make_node("Concat", ["large", "size"], ["larger"], axis=0),
        make_node("Pad", ["x", "larger"], ["padded"]),
        make_node("Conv", ["padded", "w"], ["y"]),
    ]
    model = onnx_model(nodes, [1, 3, 8, 8], [("size", np.array([2**22])), ("w", weights(4, 3, 3, 3))])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize("op", ["QGemm", "QLinearAdd", "QLinearWhere", "FusedConv", "NhwcMaxPool", "QLinearConcat"])
def test_operators_of_onnxruntime_without_their_inputs(onnx_model: Any, refused: Any, op: str) -> None:
    node = make_node(op, ["x"], ["y"], domain="com.microsoft")
    message = refused(onnx_model([node], [1, 3, 8, 8], domains=["com.microsoft"]))
    assert "does not fit" in message or "do not fit" in message or "is not a valid graph" in message

"""Operators of ONNX Runtime: onnxruntime and the reader agree on the shape and the type of each output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from sqnxt_sim import ConvLayer, SimulatorError, read_onnx
from sqnxt_sim.frontend.onnx_loading import load_graph

POOL = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}
CONV = {"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 0, 1, 2], "group": 2}
S, Z = "scale", "zero"
TYPES = {f"tensor({name.lower()})": kind for name, kind in TensorProto.DataType.items()}

# operator -> inputs, attributes; `q`, `q2` and `row` are integers, `f`, `f2` and `m` are floats
CASES = {
    "QLinearAdd": (["q", S, Z, "row", S, Z, S, Z], {}),
    "QLinearMul": (["row", S, Z, "q", S, Z, S, Z], {}),
    "QLinearLeakyRelu": (["q", S, Z, S, Z], {"alpha": 0.1}),
    "QLinearSigmoid": (["q", S, Z, S, Z], {}),
    "QLinearSoftmax": (["q", S, Z, S, Z], {"axis": 1, "opset": 13}),
    "QLinearConcat": ([S, Z, "q", S, Z, "q2", S, Z], {"axis": 1}),
    "QLinearWhere": (["condition", "q", S, Z, "row", S, Z, S, Z], {}),
    "QLinearAveragePool": (["q", S, Z, S, Z], POOL),
    "QLinearAveragePool channels last": (["q", S, Z, S, Z], {**POOL, "channels_last": 1}),
    "QLinearGlobalAveragePool": (["q", S, Z, S, Z], {"channels_last": 0}),
    "QLinearGlobalAveragePool channels last": (["q", S, Z, S, Z], {"channels_last": 1}),
    "NhwcMaxPool": (["q"], POOL),
    "FusedConv": (["f", "w", "bias"], {**CONV, "activation": "Relu"}),
    "QLinearConv channels last": (["q", S, Z, "wq", S, Z, S, Z], {**CONV, "group": 1, "channels_last": 1}),
    "FusedGemm": (["m", "m2"], {"transA": 1, "transB": 1, "activation": "Relu"}),
    "FusedMatMul": (["f", "f2"], {"transA": 1, "transB": 0}),
    "FusedMatMul plain": (["f", "square"], {}),
    "QGemm": (["mq", S, Z, "m2q", S, Z, "", S, Z], {"transA": 1, "transB": 1}),
    "MatMulInteger16": (["i16", "i16b"], {}),
    "MatMulNBits": (["f", "packed", "scales"], {"K": 6, "N": 5, "bits": 4, "block_size": 16}),
    "Gelu": (["f"], {}),
    "BiasGelu": (["f", "six"], {}),
    "QuickGelu": (["f"], {"alpha": 1.0}),
    "DequantizeLinear int16": (["i16", S, "zero16"], {}),
    "QuantizeLinear int16": (["f", S, "zero16"], {}),
    "LayerNormalization": (["f", "six"], {}),
}
SHAPES = {"q": (2, 4, 5, 6), "q2": (2, 3, 5, 6), "row": (4, 1, 6), "mq": (3, 4), "i16": (3, 4)}
FLOATS = {"f": (2, 4, 5, 6), "f2": (2, 4, 5, 3), "m": (3, 4), "square": (6, 6)}


def constants(kind: type[Any]) -> dict[str, NDArray[Any]]:
    """Return all tensors that are not activations."""
    arrays = {
        S: np.float32(0.1), Z: kind(3), "zero16": np.int16(0), "condition": np.array(True),
        "i16b": np.ones((4, 2), np.int16), "w": np.ones((4, 2, 3, 3), np.float32), "bias": np.ones(4, np.float32),
        "wq": np.ones((7, 6, 3, 3), kind), "m2": np.ones((5, 3), np.float32), "m2q": np.ones((5, 3), kind),
        "six": np.ones(6, np.float32), "packed": np.ones((5, 1, 8), np.uint8), "scales": np.ones(5, np.float32),
    }  # fmt: skip
    return {name: np.asarray(array) for name, array in arrays.items()}


def model_of(case: Any, kind: type[Any]) -> tuple[ModelProto, tuple[int, ...]]:
    """Return a graph of one operator, and the shape that onnxruntime computes."""
    op, (inputs, given) = case.split()[0], CASES[case]
    domain = "" if op == "LayerNormalization" else "com.microsoft"
    node = make_node(op, inputs, ["y"], name="node", domain=domain, **given)
    known = constants(kind)
    feeds = {name: np.ones(FLOATS[name], np.float32) for name in inputs if name in FLOATS}
    kinds = {"i16": np.int16}
    feeds |= {name: np.ones(SHAPES[name], kinds.get(name, kind)) for name in inputs if name in SHAPES}
    values = [
        make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
    ]
    tensors = [numpy_helper.from_array(known[name], name) for name in dict.fromkeys(inputs) if name in known]
    graph = make_graph([node], "graph", values, [onnx.ValueInfoProto(name="y")], tensors)
    opsets = [make_opsetid("", 13), make_opsetid("com.microsoft", 1)]
    model = make_model(graph, opset_imports=opsets, ir_version=8)
    (output,) = onnxruntime.InferenceSession(model.SerializeToString()).get_outputs()
    # Only the type is declared, because onnx refuses any other than it infers. The reader must find the shape.
    free = [None] * len(output.shape)
    model.graph.output[0].CopyFrom(make_tensor_value_info("y", TYPES[output.type], free))
    return model, tuple(output.shape)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("case", CASES)
def test_shapes_and_types_are_those_that_onnxruntime_returns(tmp_path: Path, case: Any, kind: type[Any]) -> None:
    model, shape = model_of(case, kind)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert load_graph(path).shapes["y"] == shape
    rows = read_onnx(path).layers
    assert [row.op for row in rows] == [case.split()[0]]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("FusedConv", (4, 4, 5, 6, 3, 3, 2, 1, 1, 0, 2)),
        # [2, 4, 5, 6] with the channels last is a 4x5 map of 6 channels
        ("QLinearConv channels last", (6, 7, 4, 5, 3, 3, 2, 1, 1, 0, 1)),
    ],
)
def test_convolutions(tmp_path: Path, case: Any, expected: tuple[int, ...]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_of(case, np.uint8)[0].SerializeToString())
    (layer,) = read_onnx(path).layers
    assert isinstance(layer, ConvLayer)
    fields = (
        "in_channels", "out_channels", "in_height", "in_width", "kernel_height", "kernel_width", "stride_height",
        "stride_width", "pad_top", "pad_left", "groups",
    )  # fmt: skip
    assert tuple(getattr(layer, field) for field in fields) == expected


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """onnx's own checks apply to the standard nodes."""
    model, _ = model_of("QLinearAdd", np.uint8)
    model.graph.input[1].type.tensor_type.shape.dim[0].dim_value = 3
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(SimulatorError, match=r"do not fit together.*\(op_type:Where, node name: node\)"):
        read_onnx(path)

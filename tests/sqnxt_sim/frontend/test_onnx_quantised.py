"""Quantised graphs: bits of activations, and operators on integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto
from onnx.helper import make_node

from helpers.onnx_graphs import floats
from sqnxt_sim import Workload


@pytest.mark.parametrize("between", [(), ("Relu",), ("MaxPool",), ("Relu", "Identity")])
def test_activation_bits_come_from_the_quantised_input(onnx_model: Any, read: Any, between: tuple[str, ...]) -> None:
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["a0"]),
    ]
    for i, op in enumerate(between):
        nodes.append(make_node(op, [f"a{i}"], [f"a{i + 1}"], **({"kernel_shape": [2, 2]} if op == "MaxPool" else {})))
    nodes.append(make_node("Conv", [f"a{len(between)}", "w"], ["y"]))
    tensors = [("w", floats(4, 3, 3, 3)), ("s", np.float32(0.1)), ("z", np.int16(0))]
    (layer,) = read(onnx_model(nodes, (1, 3, 8, 8), tensors)).conv_layers
    assert (layer.activation_bits, layer.weight_bits) == (16, None)


def integers(*shape: int, kind: Any = np.uint8, zero_point: NDArray[Any] | int = 0) -> NDArray[Any]:
    """Return random integers of which about a third equal the zero point."""
    return (np.random.default_rng(2).integers(-1, 2, size=shape) + np.asarray(zero_point)).astype(kind)


SCALE = ("s", np.float32(0.1))
ZEROS = {"u8": np.uint8(3), "i8": np.int8(0)}
PER_CHANNEL = np.array([1, 2, 3, 4], np.uint8)


def quantised(
    read: Any,
    onnx_model: Any,
    nodes: list[NodeProto],
    tensors: Sequence[tuple[str, Any]],
    shape: tuple[int, ...] = (1, 3, 8, 8),
    **options: Any,
) -> Workload:
    """Return the workload of some nodes that read `xq`, the input as unsigned integers."""
    first = make_node("QuantizeLinear", ["x", "s", "u8"], ["xq"])
    tensors = [*ZEROS.items(), SCALE, *tensors]
    return read(onnx_model([first, *nodes], shape, tensors, domains=["com.microsoft"], **options))


@pytest.mark.parametrize("zero_point", ["u8", "i8", "per channel"])
def test_qlinearconv(onnx_model: Any, read: Any, zero_point: str) -> None:
    zero = {**ZEROS, "per channel": PER_CHANNEL.reshape(4, 1, 1, 1)}[zero_point]
    weights = integers(4, 3, 3, 3, kind=zero.dtype, zero_point=zero)
    tensors = [
        ("w", weights),
        ("wz", zero.reshape(-1) if zero.ndim else zero),
        ("ws", np.full(zero.size, 0.1, np.float32)),
    ]
    nodes = [
        make_node("QLinearConv", ["xq", "s", "u8", "w", "ws", "wz", "s", "u8"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        make_node("DequantizeLinear", ["c", "s", "u8"], ["y"]),
    ]
    (layer,) = quantised(read, onnx_model, nodes, tensors).conv_layers
    assert (layer.op, layer.weight_bits, layer.activation_bits) == ("QLinearConv", 8, 8)
    assert layer.macs == 64 * 108
    assert layer.nonzero_weights == np.count_nonzero(weights != zero)


@pytest.mark.parametrize("zero_point", [None, 0, 2])
def test_convinteger(onnx_model: Any, read: Any, zero_point: int | None) -> None:
    weights = integers(4, 3, 3, 3, zero_point=zero_point or 0)
    given = [] if zero_point is None else [("wz", np.uint8(zero_point))]
    inputs = ["xq", "w", "u8", *(["wz"] if given else [])]
    nodes = [
        make_node("ConvInteger", inputs, ["c"], name="conv"),
        make_node("Cast", ["c"], ["y"], to=TensorProto.FLOAT),
    ]
    (layer,) = quantised(read, onnx_model, nodes, [("w", weights), *given]).conv_layers
    assert (layer.weight_bits, layer.activation_bits, layer.macs) == (8, 8, 36 * 108)
    assert layer.nonzero_weights == np.count_nonzero(weights != (zero_point or 0))


COLUMNS = np.array([1, 2, 3, 4, 5], np.uint8)
PRODUCTS = {
    "MatMulInteger": (["xq", "w", "u8", "wz"], {}, TensorProto.INT32),
    "QLinearMatMul": (["xq", "s", "u8", "w", "ws", "wz", "s", "u8"], {}, TensorProto.UINT8),
    "MatMulIntegerToFloat": (["xq", "w", "s", "ws", "u8", "wz"], {}, TensorProto.FLOAT),
    "QGemm": (["xq", "s", "u8", "w", "ws", "wz", "", "s", "u8"], {}, TensorProto.UINT8),
    "QGemm transposed": (["xq", "s", "u8", "w", "ws", "wz", "", "s", "u8"], {"transB": 1}, TensorProto.UINT8),
    "QGemm to float": (["xq", "s", "u8", "w", "ws", "wz"], {}, TensorProto.FLOAT),
    "DynamicQuantizeMatMul": (["x", "w", "ws", "wz"], {}, TensorProto.FLOAT),
}


@pytest.mark.parametrize("case", PRODUCTS)
def test_products_of_integers_with_a_zero_point_for_each_column(onnx_model: Any, read: Any, case: Any) -> None:
    inputs, given, kind = PRODUCTS[case]
    op = case.split()[0]
    weights = integers(4, 5, zero_point=COLUMNS)
    nonzero = np.count_nonzero(weights != COLUMNS)
    domain = "" if op in ("MatMulInteger", "QLinearMatMul") else "com.microsoft"
    nodes = [
        make_node(op, inputs, ["p"], name="fc", domain=domain, **given),
        make_node("Cast", ["p"], ["c"], to=TensorProto.FLOAT),
        # refuses a product of another type
        make_node("Equal", ["p", "like"], ["same"]),
        make_node("Cast", ["same"], ["y"], to=TensorProto.FLOAT),
    ]
    stored = np.ascontiguousarray(weights.T) if given else weights
    like = np.zeros((), onnx.helper.tensor_dtype_to_np_dtype(kind))
    tensors = [("w", stored), ("ws", np.full(5, 0.1, np.float32)), ("wz", COLUMNS), ("like", like)]
    (layer,) = quantised(read, onnx_model, nodes, tensors, (3, 4), output_rank=2).conv_layers
    assert (layer.op, layer.in_channels, layer.out_channels, layer.macs) == (op, 4, 5, 3 * 4 * 5)
    assert (layer.weight_bits, layer.activation_bits, layer.nonzero_weights) == (8, 8, nonzero)


def test_zero_points_that_the_network_computes_leave_the_zeros_unknown(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("DynamicQuantizeLinear", ["x"], ["dq", "ds", "dz"]),
        make_node("MatMulInteger", ["dq", "w", "dz", "dz"], ["p"]),
        make_node("Cast", ["p"], ["y"], to=TensorProto.FLOAT),
    ]
    (layer,) = quantised(read, onnx_model, nodes, [("w", integers(4, 5))], (3, 4), output_rank=2).conv_layers
    assert (layer.weight_bits, layer.activation_bits, layer.nonzero_weights) == (8, 8, None)

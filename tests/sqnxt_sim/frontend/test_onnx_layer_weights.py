"""The weights of each node without any shape of an activation, and equal to what `read_onnx` counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import make_node

from helpers.onnx_graphs import make_onnx
from sqnxt_sim.frontend.onnx_weights import LayerWeights, layer_weights

MICROSOFT = "com.microsoft"
RNG = np.random.default_rng(4)
KERNEL = RNG.integers(-2, 3, size=(4, 3, 3, 3)).astype(np.int8)
MATRIX = RNG.integers(-2, 3, size=(6, 5)).astype(np.int8)
SHAPE = ("free", 3, "free", "free")


def model(nodes: Sequence[NodeProto], tensors: dict[str, Any], shape: Sequence[int | str] = SHAPE) -> ModelProto:
    return make_onnx(nodes, shape, list(tensors.items()), output_rank=len(shape), domains=[MICROSOFT])


def only(nodes: Sequence[NodeProto], tensors: dict[str, Any]) -> LayerWeights:
    (found,) = layer_weights(model(nodes, tensors), "model.onnx")
    return found


def facts(found: LayerWeights) -> tuple[Any, ...]:
    return found.tensor, found.shape, found.bits, found.nonzero


def nonzero(values: NDArray[Any], zero: Any = 0) -> int:
    return int(np.count_nonzero(values != zero))


def test_a_graph_of_free_dimensions() -> None:
    nodes = [
        make_node("Conv", ["x", "w"], ["c"], name="conv"),
        make_node("PRelu", ["c", "slope"], ["p"]),
        make_node("FusedConv", ["p", "v", "bias"], ["y"], name="fused", domain=MICROSOFT),
    ]
    slope, bias = np.zeros((4, 1, 1), np.float32), np.zeros(2, np.float32)
    zeros = np.zeros((2, 4, 1, 1), np.float32)
    found = layer_weights(model(nodes, {"w": KERNEL * 1.0, "v": zeros, "slope": slope, "bias": bias}), "m")
    assert [(one.layer, one.op, one.operand, one.count, one.zeros) for one in found] == [
        ("conv", "Conv", 1, 108, 108 - nonzero(KERNEL)),
        ("fused", "FusedConv", 1, 8, 8),
    ]


STORED = {
    "behind Reshape": (
        [make_node("Reshape", ["s", "shape"], ["w"])],
        {"s": MATRIX.reshape(2, 3, 5) * 1.0, "shape": np.array([0, 15])},
        (2, 15),
    ),
    "behind Squeeze and Unsqueeze": (
        [make_node("Squeeze", ["s", "one"], ["t"]), make_node("Unsqueeze", ["t", "one"], ["w"])],
        {"s": MATRIX[:, None] * 1.0, "one": np.array([1])},
        (6, 1, 5),
    ),
    "behind Transpose, Identity and Cast": (
        [
            make_node("Transpose", ["s"], ["t"], perm=[1, 0]),
            make_node("Identity", ["t"], ["i"]),
            make_node("Cast", ["i"], ["w"], to=TensorProto.FLOAT),
        ],
        {"s": MATRIX.astype(np.float16)},
        (5, 6),
    ),
    "behind Flatten": ([make_node("Flatten", ["s"], ["w"])], {"s": MATRIX.reshape(2, 3, 5) * 1.0}, (2, 15)),
}


@pytest.mark.parametrize("case", STORED)
def test_values_that_are_rearranged(case: str) -> None:
    nodes, tensors, shape = STORED[case]
    found = only([*nodes, make_node("MatMul", ["x", "w"], ["y"])], tensors)
    assert facts(found) == ("s", shape, None, nonzero(MATRIX))


def test_values_of_a_constant_node() -> None:
    constant = make_node("Constant", [], ["w"], value=numpy_helper.from_array(KERNEL.astype(np.float32)))
    assert facts(only([constant, make_node("Conv", ["x", "w"], ["y"])], {})) == (
        "w",
        KERNEL.shape,
        None,
        nonzero(KERNEL),
    )
    repeated = make_node("ConstantOfShape", ["shape"], ["w"])
    found = only([repeated, make_node("Conv", ["x", "w"], ["y"])], {"shape": np.array(KERNEL.shape)})
    assert (found.shape, found.nonzero) == (KERNEL.shape, 0)


@pytest.mark.parametrize(
    ("limits", "bits"), [((-7, 7), 4), ((-8, 7), 4), ((-1, 1), 2), ((-127, 127), 8), ((None, 3), 8), ((-4, None), 8)]
)
@pytest.mark.parametrize("stored", ["float", "integer"])
def test_a_clip_between_quantize_and_dequantize_limits_the_bits(
    limits: tuple[int | None, int | None], bits: int, stored: str
) -> None:
    """Brevitas writes narrow integers so; it stores either the floats or the integers."""
    bounds = {name: np.int8(limit) for name, limit in zip(("low", "high"), limits, strict=True) if limit is not None}
    clip = make_node("Clip", ["q", *(name if name in bounds else "" for name in ("low", "high"))], ["c"])
    nodes = [clip, make_node("DequantizeLinear", ["c", "s", "z"], ["w"]), make_node("Conv", ["x", "w"], ["y"])]
    tensors: dict[str, Any] = {"q": KERNEL, "s": np.float32(1), "z": np.int8(0), **bounds}
    if stored == "float":
        nodes = [make_node("QuantizeLinear", ["f", "s", "z"], ["q"]), *nodes]
        tensors["f"] = tensors.pop("q").astype(np.float32)
    name = "f" if stored == "float" else "q"
    assert facts(only(nodes, tensors)) == (name, KERNEL.shape, bits, nonzero(KERNEL))


def test_a_clip_that_cuts_the_zero_point_off_leaves_the_zeros_unknown() -> None:
    nodes = [
        make_node("Clip", ["q", "low"], ["c"]),
        make_node("DequantizeLinear", ["c", "s", "z"], ["w"]),
        make_node("Conv", ["x", "w"], ["y"]),
    ]
    tensors = {"q": KERNEL, "s": np.float32(1), "z": np.int8(0), "low": np.int8(1)}
    found = only(nodes, tensors)
    assert (found.shape, found.nonzero, found.zeros) == (KERNEL.shape, None, None)


@pytest.mark.parametrize(("kind", "bits"), [("UINT4", 4), ("INT4", 4), ("UINT2", 2), ("INT2", 2)])
@pytest.mark.parametrize("block", [0, 3])
def test_narrow_integers_by_tensor_and_by_block(kind: str, bits: int, block: int) -> None:
    if not hasattr(TensorProto, kind):
        pytest.skip("onnx before 1.20 has no 2-bit integers")
    low = 0 if kind[0] == "U" else -(2 ** (bits - 1))
    values = RNG.integers(low, low + 2**bits, size=(6, 5))
    zeros = RNG.integers(low, low + 2**bits, size=(2, 5) if block else ())
    spread = np.repeat(zeros, block, axis=0) if block else zeros
    nodes = [
        make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **({"axis": 0, "block_size": block} if block else {})),
        make_node("MatMul", ["x", "w"], ["y"]),
    ]
    graph = model(nodes, {"s": np.ones(zeros.shape, np.float32)})
    for name, array in (("q", values), ("z", zeros)):
        tensor = onnx.helper.make_tensor(name, getattr(TensorProto, kind), array.shape, array.reshape(-1))
        graph.graph.initializer.append(tensor)
    (found,) = layer_weights(graph, "m")
    assert facts(found) == ("q", (6, 5), bits, nonzero(values, spread))


@pytest.mark.parametrize(
    ("op", "inputs", "axis"),
    [
        ("QLinearConv", ["x", "s", "u", "w", "s", "wz", "s", "u"], 0),
        ("ConvInteger", ["x", "w", "u", "wz"], 0),
        ("QLinearMatMul", ["x", "s", "u", "w", "s", "wz", "s", "u"], -1),
        ("MatMulInteger", ["x", "w", "u", "wz"], -1),
        ("QGemm", ["x", "s", "u", "w", "s", "wz", "", "s", "u"], -1),
        ("DynamicQuantizeMatMul", ["x", "w", "s", "wz"], -1),
    ],
)
def test_integer_operators_with_a_zero_point_for_each_channel(op: str, inputs: list[str], axis: int) -> None:
    values = RNG.integers(0, 3, size=(4, 3, 3, 3) if axis == 0 else (6, 5)).astype(np.uint8)
    zeros = (np.arange(values.shape[axis]) % 3).astype(np.uint8)
    spread = zeros.reshape([-1 if place == axis % values.ndim else 1 for place in range(values.ndim)])
    tensors = {"w": values, "wz": zeros, "s": np.float32(1), "u": np.uint8(0)}
    domain = MICROSOFT if op in ("QGemm", "DynamicQuantizeMatMul") else ""
    found = only([make_node(op, inputs, ["y"], domain=domain)], tensors)
    assert facts(found) == ("w", values.shape, 8, nonzero(values, spread))


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("zero_points", ["none", "packed", "floats"])
def test_packed_matrices(bits: int, zero_points: str) -> None:
    """21 input channels in blocks of 16: the second block has weights that are no weights."""
    outputs, inputs, block = 3, 21, 16
    values = RNG.integers(0, 2**bits, size=(outputs, 2, block)).astype(np.uint8)
    zeros = RNG.integers(0, 2**bits, size=(outputs, 2)) if zero_points != "none" else np.full((3, 2), 2 ** (bits - 1))
    per_byte = 8 // bits
    shifts = np.arange(per_byte) * bits

    def pack(array: NDArray[Any]) -> NDArray[np.uint8]:
        padded = np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, -array.shape[-1] % per_byte)])
        return (padded.reshape(*array.shape[:-1], -1, per_byte) << shifts).sum(axis=-1).astype(np.uint8)

    tensors: dict[str, Any] = {"q": pack(values), "s": np.ones(6, np.float32)}
    if zero_points == "packed":
        tensors["z"] = pack(zeros).reshape(-1)
    elif zero_points == "floats":
        tensors["z"] = zeros.astype(np.float32)
    names = ["x", "q", "s", *(["z"] if "z" in tensors else [])]
    node = make_node("MatMulNBits", names, ["y"], domain=MICROSOFT, K=inputs, N=outputs, bits=bits, block_size=block)
    expected = nonzero(values, zeros[..., None].repeat(block, axis=-1)) - nonzero(
        values[:, 1, inputs - block :], zeros[:, 1:]
    )
    assert facts(only([node], tensors)) == ("q", (inputs, outputs), bits, expected)


def test_both_matrices_of_a_recurrent_layer() -> None:
    tensors = {"w": np.ones((1, 32, 5), np.float32), "r": np.eye(32, 8, dtype=np.float32)[None]}
    found = layer_weights(model([make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=8)], tensors), "m")
    assert [(one.operand, one.shape, one.nonzero) for one in found] == [(1, (1, 32, 5), 160), (2, (1, 32, 8), 8)]


def test_the_first_matrix_may_hold_the_weights() -> None:
    found = only([make_node("MatMul", ["w", "x"], ["y"])], {"w": MATRIX * 1.0})
    assert (found.operand, found.shape, found.nonzero) == (0, (6, 5), nonzero(MATRIX))


def test_computed_values_are_listed_as_unknown() -> None:
    nodes = [make_node("Mul", ["a", "a"], ["w"]), make_node("Conv", ["x", "w"], ["y"])]
    found = only(nodes, {"a": KERNEL * 1.0})
    assert (found.tensor, found.count, found.nonzero) == ("w", None, None)


def test_nodes_that_feed_each_other_end() -> None:
    nodes = [
        make_node("Identity", ["b"], ["a"]),
        make_node("Identity", ["a"], ["b"]),
        make_node("Identity", ["c"], ["c"]),
        make_node("Conv", ["x", "a"], ["d"]),
        make_node("Conv", ["d", "c"], ["y"]),
    ]
    assert layer_weights(model(nodes, {}), "m") == ()


def test_a_chain_of_shapes_that_hang_on_shapes_ends() -> None:
    nodes = [make_node("Reshape", [f"w{step}", f"w{step}"], [f"w{step + 1}"]) for step in range(3000)]
    nodes.append(make_node("Conv", ["x", "w3000"], ["y"]))
    found = only(nodes, {"w0": np.array([1], np.int64)})
    assert found.count is None

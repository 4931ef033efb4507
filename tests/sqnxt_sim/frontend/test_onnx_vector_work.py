"""The work of operators that are not costed on a vector unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from onnx.helper import make_node

from sqnxt_sim import OffArrayReason, VectorWork

MAP = (2, 4, 6, 8)
SIZE = 2 * 4 * 6 * 8
QUARTER = 2 * 4 * 3 * 4


def ints(*values: int) -> NDArray[Any]:
    return np.array(values, np.int64)


# node -> tensors, operations, values read, values written
CASES = {
    "max pooling": (make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0]),
                    {}, 6 * QUARTER, SIZE, QUARTER),
    "1-D pooling": (make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 1], strides=[2, 2]),
                    {}, 2 * QUARTER, SIZE, QUARTER),
    "global pooling": (make_node("GlobalAveragePool", ["x"], ["y"]), {}, SIZE, SIZE, 8),
    "reduction": (make_node("ReduceMean", ["x", "axes"], ["y"]), {"axes": ints(2, 3)}, SIZE, SIZE, 8),
    "addition of a tensor to itself": (make_node("Add", ["x", "x"], ["y"]), {}, SIZE, SIZE, SIZE),
    "three operands": (make_node("Sum", ["x", "x", "x"], ["y"]), {}, 2 * SIZE, SIZE, SIZE),
    "one operand": (make_node("Erf", ["x"], ["y"]), {}, SIZE, SIZE, SIZE),
    "a constant beside": (make_node("Max", ["x", "c"], ["y"]), {"c": np.zeros(8, np.float32)}, SIZE, SIZE, SIZE),
    "softmax": (make_node("Softmax", ["x"], ["y"]), {}, 5 * SIZE, SIZE, SIZE),
    "layer normalisation": (make_node("LayerNormalization", ["x", "g"], ["y"]), {"g": np.ones(8, np.float32)},
                            7 * SIZE, SIZE, SIZE),
    "local response": (make_node("LRN", ["x"], ["y"], size=5), {}, 8 * SIZE, SIZE, SIZE),
    "transposition": (make_node("Transpose", ["x"], ["y"], perm=[0, 2, 3, 1]), {}, 0, SIZE, SIZE),
    "concatenation": (make_node("Concat", ["x", "x"], ["y"], axis=1), {}, 0, SIZE, 2 * SIZE),
    "padding": (make_node("Pad", ["x", "pads"], ["y"]), {"pads": ints(0, 0, 1, 0, 0, 0, 1, 0)}, 0, SIZE, SIZE * 8 // 6),
    "a slice reads what it writes": (make_node("Slice", ["x", "from", "to", "axis"], ["y"]),
                                     {"from": ints(0), "to": ints(2), "axis": ints(2)}, 0, SIZE // 3, SIZE // 3),
    "nearest neighbour": (make_node("Resize", ["x", "", "scales"], ["y"]),
                          {"scales": np.array([1, 1, 2, 2], np.float32)}, 0, SIZE, 4 * SIZE),
    "bilinear": (make_node("Resize", ["x", "", "scales"], ["y"], mode="linear"),
                 {"scales": np.array([1, 1, 2, 2], np.float32)}, 4 * 4 * SIZE, SIZE, 4 * SIZE),
    "linear along one axis": (make_node("Resize", ["x", "", "scales"], ["y"], mode="linear"),
                              {"scales": np.array([1, 1, 2, 1], np.float32)}, 2 * 2 * SIZE, SIZE, 2 * SIZE),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_operations_and_values(onnx_model: Any, read: Any, case: Any) -> None:
    node, tensors, operations, values_read, values_written = CASES[case]
    (layer,) = read(onnx_model([node], MAP, tensors.items())).layers
    assert layer.why is OffArrayReason.NOT_COSTED
    assert layer.work == VectorWork(operations=operations, values_read=values_read, values_written=values_written)


def test_two_activations_are_both_read(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("Relu", ["x"], ["r"]),
        make_node("GlobalMaxPool", ["r"], ["g"]),
        make_node("Mul", ["r", "g"], ["y"]),
    ]
    product = read(onnx_model(nodes, MAP)).layers[-1]
    assert product.work == VectorWork(operations=SIZE, values_read=SIZE + 8, values_written=SIZE)


@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_bits_are_those_of_the_integers_that_hold_the_values(onnx_model: Any, read: Any, kind: type[Any]) -> None:
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        make_node("Relu", ["d"], ["r"]),
        make_node("Add", ["r", "d"], ["y"], name="sum"),
    ]
    layers = read(onnx_model(nodes, MAP, [("s", np.float32(1)), ("z", kind(0))])).layers
    assert [layer.work and layer.work.bits for layer in layers] == [None, None, None, np.dtype(kind).itemsize * 8]


def test_what_is_folded_or_has_no_model_has_no_work(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("Relu", ["x"], ["r"]),
        make_node("Identity", ["r"], ["a"]),
        make_node("Cast", ["a"], ["h"], to=TensorProto.FLOAT16),
        make_node("CumSum", ["h", "axis"], ["s"]),
        make_node("Cast", ["s"], ["y"], to=TensorProto.FLOAT),
    ]
    layers = read(onnx_model(nodes, MAP, [("axis", np.array(1))])).layers
    assert [layer.work for layer in layers] == [None] * 5
    assert layers[3].why is OffArrayReason.NO_MODEL


def test_outputs_that_nobody_reads_may_have_no_shape(onnx_model: Any, read: Any) -> None:
    """Dropout's mask has no shape in old graphs."""
    nodes = [make_node("Dropout", ["x"], ["d", "mask"]), make_node("Erf", ["d"], ["y"])]
    workload = read(onnx_model(nodes, MAP, opset=9))
    assert workload.layers[1].work.operations == SIZE
    assert [entry.float_values for entry in workload.live] == [SIZE, 2 * SIZE]

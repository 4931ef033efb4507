"""Arithmetic on shapes: the table of operators equals onnx's reference implementation, and old opsets are folded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto
from onnx.helper import make_node
from onnx.reference import ReferenceEvaluator

from helpers.onnx_graphs import floats
from sqnxt_sim import SimulatorError
from sqnxt_sim.frontend.onnx_arithmetic import MAX_VALUES, compute


def ints(*values: int) -> NDArray[Any]:
    return np.array(values, np.int64)


A, B, GRID = ints(7, -7, 5), ints(2, 3, -4), ints(*range(12)).reshape(3, 4)
HALF = np.array([0.5, 1.5, 2.0], np.float32)

BINARY = ("Add", "Sub", "Mul", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod", "Pow")
UNARY = ("Abs", "Ceil", "Floor", "Neg", "Round", "Sign", "Sqrt", "Exp", "Log", "Reciprocal")
REDUCTIONS = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum")

# name -> opset, node, inputs
CASES: dict[str, tuple[int, NodeProto, list[NDArray[Any]]]] = {
    **{op: (18, make_node(op, ["a", "b"], ["y"]), [A, B if op != "Pow" else np.abs(B)]) for op in BINARY},
    **{op: (18, make_node(op, ["a"], ["y"]), [HALF]) for op in UNARY},
    **{f"{op} 18": (18, make_node(op, ["a", "b"], ["y"], keepdims=0), [GRID, ints(-1)]) for op in REDUCTIONS},
    **{f"{op} of all": (18, make_node(op, ["a"], ["y"]), [GRID]) for op in REDUCTIONS},
    **{f"{op} 11": (11, make_node(op, ["a"], ["y"], axes=[0]), [GRID]) for op in REDUCTIONS},
    "Div of floats": (18, make_node("Div", ["a", "b"], ["y"]), [HALF, HALF * 3]),
    "Div exact": (18, make_node("Div", ["a", "b"], ["y"]), [A * B, B]),
    "Mod of floats": (18, make_node("Mod", ["a", "b"], ["y"], fmod=1), [-HALF * 3, HALF]),
    "broadcast": (18, make_node("Add", ["a", "b"], ["y"]), [GRID, GRID[:1, :1]]),
    "three operands": (18, make_node("Max", ["a", "b", "c"], ["y"]), [A, B, A + B]),
    "logic": (18, make_node("And", ["a", "b"], ["y"]), [A > 0, B > 0]),
    "Not": (18, make_node("Not", ["a"], ["y"]), [A > 0]),
    "Where": (18, make_node("Where", ["a", "b", "c"], ["y"]), [A > 0, A, B]),
    "Cast": (18, make_node("Cast", ["a"], ["y"], to=TensorProto.INT64), [HALF]),
    "CastLike": (18, make_node("CastLike", ["a", "b"], ["y"]), [HALF, A]),
    "Clip": (18, make_node("Clip", ["a", "b", "c"], ["y"]), [A, ints(-2)[0], ints(5)[0]]),
    "Clip above": (18, make_node("Clip", ["a", "", "c"], ["y"]), [A, ints(5)[0]]),
    "Concat": (18, make_node("Concat", ["a", "b"], ["y"], axis=-1), [A, B]),
    "ConstantOfShape": (18, make_node("ConstantOfShape", ["a"], ["y"]), [ints(2, 3)]),
    "CumSum": (18, make_node("CumSum", ["a", "b"], ["y"]), [GRID, ints(1)[0]]),
    "Expand": (18, make_node("Expand", ["a", "b"], ["y"]), [GRID[:, :1], ints(2, 1, 4)]),
    "Gather": (18, make_node("Gather", ["a", "b"], ["y"], axis=1), [GRID, ints(0, -1)]),
    "Gather a scalar": (18, make_node("Gather", ["a", "b"], ["y"]), [A, ints(1)[0]]),
    "GatherElements": (18, make_node("GatherElements", ["a", "b"], ["y"], axis=1), [GRID, GRID[:, :2] % 4]),
    "GatherND": (18, make_node("GatherND", ["a", "b"], ["y"]), [GRID, ints(0, 1, 2, 3).reshape(2, 2)]),
    "NonZero": (18, make_node("NonZero", ["a"], ["y"]), [GRID % 2]),
    "Range": (18, make_node("Range", ["a", "b", "c"], ["y"]), [ints(9)[0], ints(0)[0], ints(-2)[0]]),
    "Range of floats": (18, make_node("Range", ["a", "b", "c"], ["y"]), [HALF[0], HALF[2], HALF[0]]),
    "Slice": (18, make_node("Slice", ["a", "b", "c", "d"], ["y"]), [GRID, ints(1), ints(100), ints(1)]),
    "Slice backwards": (
        18,
        make_node("Slice", ["a", "b", "c", "d", "e"], ["y"]),
        [GRID, ints(-1), ints(-(2**63) + 1), ints(0), ints(-1)],
    ),
    "Slice 9": (9, make_node("Slice", ["a"], ["y"], starts=[0, 1], ends=[2, -1], axes=[0, 1]), [GRID]),
    "Split 18": (18, make_node("Split", ["a", "b"], ["y", "z"], axis=1), [GRID, ints(1, 3)]),
    "Split evenly": (13, make_node("Split", ["a"], ["y", "z"], axis=1), [GRID]),
    "Split 11": (11, make_node("Split", ["a"], ["y", "z"], axis=1, split=[1, 3]), [GRID]),
    "Tile": (18, make_node("Tile", ["a", "b"], ["y"]), [GRID, ints(1, 2)]),
    "Identity": (18, make_node("Identity", ["a"], ["y"]), [GRID]),
    "Transpose": (18, make_node("Transpose", ["a"], ["y"], perm=[1, 0]), [GRID]),
    "Transpose back to front": (18, make_node("Transpose", ["a"], ["y"]), [GRID[None]]),
    "Reshape": (18, make_node("Reshape", ["a", "b"], ["y"]), [GRID, ints(0, 2, -1)]),
    "Flatten": (18, make_node("Flatten", ["a"], ["y"], axis=2), [GRID[None]]),
    "Flatten to a row": (18, make_node("Flatten", ["a"], ["y"], axis=0), [GRID]),
    "Squeeze 13": (13, make_node("Squeeze", ["a", "b"], ["y"]), [GRID[None, :, :, None], ints(-1)]),
    "Squeeze all": (13, make_node("Squeeze", ["a"], ["y"]), [GRID[None, :, :, None]]),
    "Unsqueeze 13": (13, make_node("Unsqueeze", ["a", "b"], ["y"]), [GRID, ints(0, -1)]),
}


@pytest.mark.parametrize("case", CASES)
def test_an_operator_equals_onnx(case: str) -> None:
    opset, node, values = CASES[case]
    given: list[NDArray[Any]] = list(values)
    inputs = [given.pop(0) if name else None for name in node.input]
    results = compute(node, inputs, opset)
    fed = {name: value for name, value in zip(node.input, inputs, strict=True) if value is not None}
    expected = ReferenceEvaluator(node, opsets={"": opset}).run(None, fed)
    assert results is not None
    for result, wanted in zip(results, expected, strict=True):
        assert (result.dtype, result.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(result, wanted, rtol=1e-6)


def test_what_the_reference_cannot_do() -> None:
    """Axes as attributes: it refuses those of Unsqueeze and ignores those of Squeeze. It rounds quotients down."""

    def result(node: NodeProto, inputs: Sequence[Any], opset: int) -> Any:
        (value,) = compute(node, inputs, opset) or [None]
        return value

    assert result(make_node("Unsqueeze", ["a"], ["y"], axes=[0, 2]), [A], 11).shape == (1, 3, 1)
    assert result(make_node("Squeeze", ["a"], ["y"], axes=[0]), [GRID[None, :, :, None]], 11).shape == (3, 4, 1)
    assert result(make_node("Div", ["a", "b"], ["y"]), [ints(-7, 7, -7), ints(2, -2, -2)], 13).tolist() == [-3, -3, 3]
    added = result(make_node("Add", ["a", "b"], ["y"], broadcast=1, axis=0), [GRID, ints(10, 20, 30)], 6)
    assert added.tolist() == (GRID + ints(10, 20, 30)[:, None]).tolist()
    assert result(make_node("Cast", ["a"], ["y"], to="INT64"), [HALF], 1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("op", "values"),
    [
        ("Add", [np.zeros((MAX_VALUES, 1)), np.zeros((1, MAX_VALUES))]),
        ("Expand", [np.zeros(1), ints(2**40, 2**20)]),
        ("Tile", [np.zeros(8), ints(2**60)]),
        ("ConstantOfShape", [ints(2**31, 2**31)]),
        ("Range", [ints(0)[0], ints(2**40)[0], ints(1)[0]]),
        ("Where", [np.ones((2**9, 1, 1), bool), np.zeros((2**9, 1)), np.zeros(2**9)]),
    ],
)
def test_what_would_be_large_is_not_computed(op: str, values: list[NDArray[Any]]) -> None:
    names = [chr(ord("a") + place) for place in range(len(values))]
    assert compute(make_node(op, names, ["y"]), values, 18) is None


@pytest.mark.parametrize("opset", [7, 9, 11, 12, 13, 21])
def test_a_view_is_folded_at_every_opset(onnx_model: Any, read: Any, opset: int) -> None:
    """PyTorch writes `x.view(x.size(0), -1)` so; axes were an attribute up to opset 12."""
    old = opset < 13
    names = [[], ["axes"]][not old]
    given = {"axes": [0]} if old else {}
    nodes = [
        make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        make_node("Shape", ["c"], ["shape"]),
        make_node("Gather", ["shape", "zero"], ["n"]),
        make_node("Unsqueeze", ["n", *names], ["rows"], **given),
        make_node("Unsqueeze", ["minus", *names], ["rest"], **given),
        make_node("Concat", ["rows", "rest"], ["target"], axis=0),
        make_node("Reshape", ["c", "target"], ["f"]),
        make_node("Gemm", ["f", "fw", "b"], ["y"], name="fc", transB=1),
    ]
    tensors = [
        ("w", floats(4, 3, 3, 3)), ("zero", np.int64(0)), ("minus", np.int64(-1)), ("fw", floats(10, 256)),
        ("b", floats(10)), *([] if old else [("axes", np.array([0]))]),
    ]  # fmt: skip
    workload = read(onnx_model(nodes, [1, 3, 8, 8], tensors, output_rank=2, opset=opset))
    assert sum(layer.macs for layer in workload.conv_layers) == 64 * 108 + 2560 == 9472


def test_what_folding_cannot_do_is_said(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("Shape", ["x"], ["shape"]),
        make_node("Gather", ["shape", "nine"], ["n"], name="gather"),
        make_node("Reshape", ["x", "n"], ["y"]),
    ]
    with pytest.raises(
        SimulatorError, match=r"shapes that cannot be worked out.*'gather', a Gather: index 9 is out of"
    ):
        read(onnx_model(nodes, [1, 3, 8, 8], [("nine", np.array([9]))], output_rank=1))

"""The branch of an If is read where shapes or constants decide the condition, and is left out elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import make_graph, make_node, make_tensor_value_info

from helpers.onnx_graphs import floats
from sqnxt_sim import OffArrayReason, SimulatorError


def branch(nodes: list[NodeProto], output: str, tensors: dict[str, Any] | None = None) -> GraphProto:
    return make_graph(
        nodes,
        "branch",
        [],
        [make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()],
    )


def convolved(filters: int) -> GraphProto:
    """Return a branch that convolves `x`; both branches of a node may use its names."""
    nodes = [make_node("Conv", ["x", "k"], ["c"], name="conv"), make_node("Relu", ["c"], ["r"])]
    return branch(nodes, "r", {"k": floats(filters, 3, 3, 3)})


def model_of(onnx_model: Any, condition: list[NodeProto], tensors: Any = (), **branches: GraphProto) -> ModelProto:
    """Return a graph whose If has two outputs of the same condition, `y` and the result of a second If."""
    nodes = [
        *condition,
        make_node("If", ["condition"], ["a"], name="if", **branches),
        make_node("Conv", ["a", "w"], ["y"], name="after"),
    ]
    made: ModelProto = onnx_model(nodes, [1, 3, 8, 8], [("w", floats(5, 4, 1, 1)), *tensors])
    return made


ONE_IMAGE = [
    make_node("Shape", ["x"], ["shape"]),
    make_node("Gather", ["shape", "zero"], ["n"]),
    make_node("Equal", ["n", "one"], ["condition"]),
]
NUMBERS = [("zero", np.array(0)), ("one", np.array(1))]


def test_a_condition_on_shapes_chooses_the_branch(onnx_model: Any, read: Any) -> None:
    """PyTorch asks for sizes so, and the layers after the node need the shape of its result."""
    model = model_of(onnx_model, ONE_IMAGE, NUMBERS, then_branch=convolved(4), else_branch=convolved(7))
    layers = read(model).conv_layers
    assert [(layer.name, layer.out_channels) for layer in layers] == [("a/conv", 4), ("after", 5)]
    assert layers[0].nonzero_weights == 4 * 27


@pytest.mark.parametrize("condition", [True, False])
def test_a_constant_condition(onnx_model: Any, read: Any, condition: bool) -> None:
    other = branch([make_node("Concat", ["x", "k"], ["c"], axis=1)], "c", {"k": floats(1, 1, 8, 8)})
    model = model_of(onnx_model, [], [("condition", np.array(condition))], then_branch=convolved(4), else_branch=other)
    assert [layer.name for layer in read(model).conv_layers] == (["a/conv"] if condition else []) + ["after"]


def test_a_branch_that_returns_one_result_twice(onnx_model: Any, read: Any) -> None:
    chosen = convolved(4)
    chosen.output.append(chosen.output[0])
    nodes = [
        make_node("If", ["condition"], ["first", "second"], name="if", then_branch=chosen, else_branch=chosen),
        make_node("Add", ["first", "second"], ["y"], name="add"),
    ]
    rows = read(onnx_model(nodes, [1, 3, 8, 8], [("condition", np.array(True))])).layers
    assert [row.name for row in rows] == ["first/conv", "first", "second", "add"]
    assert [row.why for row in rows[1:3]] == [OffArrayReason.FOLDED] * 2


def test_branches_within_branches(onnx_model: Any, read: Any) -> None:
    """The inner If reads a tensor that the outer branch computes, under a name that is used outside too."""
    inner = make_node(
        "If",
        ["condition"],
        ["r"],
        then_branch=branch([make_node("Relu", ["c"], ["i"])], "i"),
        else_branch=branch([make_node("Sigmoid", ["c"], ["i"])], "i"),
    )
    outer = branch([make_node("Conv", ["x", "k"], ["c"], name="conv"), inner], "r", {"k": floats(4, 3, 3, 3)})
    model = model_of(onnx_model, ONE_IMAGE, NUMBERS, then_branch=outer, else_branch=convolved(9))
    workload = read(model)
    assert [layer.name for layer in workload.conv_layers] == ["a/conv", "after"]
    assert [row.op for row in workload.layers if row.name not in ("shape", "n", "condition")] == [
        "Conv",
        "Relu",
        "Conv",
    ]


def test_a_condition_that_the_network_computes_leaves_the_branches_out(onnx_model: Any, read: Any) -> None:
    condition = [
        make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        make_node("Greater", ["largest", "limit"], ["condition"]),
    ]
    branches = {"then_branch": convolved(4), "else_branch": convolved(4)}
    for made in branches.values():
        made.output[0].CopyFrom(make_tensor_value_info("r", TensorProto.FLOAT, [1, 4, 6, 6]))
    workload = read(model_of(onnx_model, condition, [("limit", np.float32(0))], **branches))
    assert [layer.name for layer in workload.conv_layers] == ["after"]
    row = workload.layers[2]
    assert (row.why, row.reason) == (OffArrayReason.NO_MODEL, "what is inside the If is left out")


def test_a_layer_that_needs_the_shape_of_a_branch_names_the_node(onnx_model: Any, read: Any) -> None:
    condition = [
        make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        make_node("Greater", ["largest", "limit"], ["condition"]),
    ]
    branches = {"then_branch": convolved(4), "else_branch": convolved(5)}
    model = model_of(onnx_model, condition, [("limit", np.float32(0))], **branches)
    with pytest.raises(SimulatorError, match=r"'after' needs the shape of 'a', which depends on .* inside the If 'if'"):
        read(model)

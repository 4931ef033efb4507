"""Every node is costed, folded, or listed as not costed."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_node, make_opsetid, make_tensor_value_info

from helpers.onnx_graphs import floats
from sqnxt_sim import OffArrayReason, SimulatorError, load_accelerator, simulate_workload

ACCELERATOR = load_accelerator("squeezelerator-8x8")
CONV = make_node("Conv", ["x", "w"], ["y"], name="conv")


def test_every_node_is_in_the_workload(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("Conv", ["x", "w"], ["c"], name="conv"),
        make_node("BatchNormalization", ["c", "one", "one", "one", "one"], ["b"], name="bn"),
        make_node("Add", ["b", "bias"], ["biased"], name="bias"),
        make_node("Relu", ["biased"], ["r"], name="relu"),
        make_node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2]),
        make_node("Add", ["p", "p"], ["sum"], name="shortcut"),
        make_node("ConvTranspose", ["sum", "t"], ["up"], name="up"),
        make_node("Fancy", ["up"], ["y"], name="fancy", domain="somewhere"),
    ]
    one = np.ones(4, np.float32)
    tensors = [
        ("w", floats(4, 3, 3, 3)),
        ("one", one),
        ("bias", one.reshape(4, 1, 1)),
        ("t", floats(4, 2, 2, 2)),
    ]
    report = simulate_workload(read(onnx_model(nodes, [1, 3, 8, 8], tensors, domains=["somewhere"])), ACCELERATOR)
    rows = report.to_json()["layers"]
    assert [(row["name"], row["status"]) for row in rows] == [
        ("conv", "costed"),
        ("bn", "folded"),
        ("bias", "folded"),
        ("relu", "folded"),
        ("pool", "not_costed"),
        ("shortcut", "not_costed"),
        ("up", "costed"),
        ("fancy", "no_model"),
    ]
    assert "1 node(s) that do real work and have no cost model: Fancy" in report.notes[0]
    assert not report.to_json()["complete"]


def test_what_is_computed_from_shapes_is_constant(onnx_model: Any, read: Any) -> None:
    """PyTorch writes a Flatten as Shape, Gather, Concat and Reshape."""
    nodes = [
        make_node("Shape", ["x"], ["shape"]),
        make_node("Gather", ["shape", "zero"], ["n"]),
        make_node("Concat", ["n", "minus_one"], ["target"], axis=0),
        make_node("Reshape", ["x", "target"], ["flat"]),
        make_node("Gemm", ["flat", "w"], ["y"]),
    ]
    tensors = [("zero", np.array([0])), ("minus_one", np.array([-1])), ("w", floats(48, 5))]
    workload = read(onnx_model(nodes, ["n", 3, 4, 4], tensors, output_rank=2), batch=2)
    assert [getattr(layer, "why", "costed") for layer in workload.layers] == [*["folded"] * 4, "costed"]
    assert workload.conv_layers[0].macs == 2 * 48 * 5


def test_a_subgraph_is_not_taken_for_a_constant(onnx_model: Any, read: Any) -> None:
    """The node reads no activation itself, but its subgraph reads the outer graph."""
    branch = make_graph(
        [make_node("Relu", ["x"], ["r"])], "branch", [], [make_tensor_value_info("r", TensorProto.FLOAT, [1, 3])]
    )
    node = make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch)
    model = onnx_model([node], [1, 3], output_rank=2)
    model.graph.input.append(make_tensor_value_info("condition", TensorProto.BOOL, []))
    workload = read(model)
    (row,) = workload.layers
    assert (row.why, row.reason) == (OffArrayReason.NO_MODEL, "what is inside the If is left out")


def test_local_functions_are_read_through(onnx_model: Any, read: Any) -> None:
    body = onnx.helper.make_function(
        "local", "Block", ["a", "b"], ["c"], [make_node("Conv", ["a", "b"], ["c"])], [make_opsetid("", 21)]
    )
    proto = onnx_model(
        [make_node("Block", ["x", "w"], ["y"], domain="local")],
        [1, 3, 8, 8],
        [("w", floats(4, 3, 3, 3))],
        domains=["local"],
    )
    proto.functions.append(body)
    assert read(proto).conv_layers[0].macs == 36 * 108


def test_an_unknown_operator_hides_the_shape_that_a_layer_needs(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("Fancy", ["x"], ["f"], name="fancy", domain="somewhere"),
        make_node("Relu", ["f"], ["r"]),
        make_node("Conv", ["r", "w"], ["y"], name="conv"),
    ]
    model = onnx_model(nodes, [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))], domains=["somewhere"])
    with pytest.raises(
        SimulatorError, match="'conv' needs the shape of 'r', which operator Fancy of the domain somewhere"
    ):
        read(model)
    # declared in the file, with a free batch
    model.graph.value_info.append(make_tensor_value_info("f", TensorProto.FLOAT, ["n", 3, 6, 6]))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"
    workload = read(model, batch=2)
    assert workload.conv_layers[0].macs == 2 * 16 * 108
    assert workload.layers[0].why is OffArrayReason.NO_MODEL


def test_what_the_file_says_of_known_operators_is_not_believed(onnx_model: Any, read: Any) -> None:
    nodes = [make_node("Relu", ["x"], ["r"]), make_node("Conv", ["r", "w"], ["y"])]
    model = onnx_model(nodes, [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))])
    model.graph.value_info.append(make_tensor_value_info("r", TensorProto.FLOAT, [1, 3, 100, 100]))
    assert read(model).conv_layers[0].in_height == 8


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_four_dimensions_have_no_model(onnx_model: Any, read: Any, op: str) -> None:
    nodes = [make_node(op, ["x", "w"], ["y"])]
    (layer,) = read(onnx_model(nodes, [1, 3, 4, 4, 4, 4], [("w", floats(3, 3, 2, 2, 2, 2))], output_rank=6)).layers
    assert (layer.why, layer.op, layer.work) == (OffArrayReason.NO_MODEL, op, None)


def test_shape_arithmetic_is_followed(onnx_model: Any, read: Any) -> None:
    """PyTorch writes pads as pairs reversed by constants, which onnx's inference does not follow."""
    nodes = [
        make_node("Concat", ["given", "none"], ["all"], axis=0),
        make_node("Reshape", ["all", "pairs"], ["p"]),
        make_node("Slice", ["p", "start", "stop", "axis", "step"], ["r"]),
        make_node("Transpose", ["r"], ["t"], perm=[1, 0]),
        make_node("Reshape", ["t", "flat"], ["pads"]),
        make_node("Pad", ["x", "pads"], ["padded"]),
        make_node("Conv", ["padded", "w"], ["y"]),
    ]
    tensors = {
        "given": [1, 2, 0, 1], "none": [0, 0, 0, 0], "pairs": [4, 2], "start": [-1], "stop": [-9], "axis": [0],
        "step": [-1], "flat": [8],
    }  # fmt: skip
    arrays = [(name, np.array(values)) for name, values in tensors.items()]
    workload = read(onnx_model(nodes, [1, 3, 8, 8], [*arrays, ("w", floats(4, 3, 3, 3))]))
    (layer,) = workload.conv_layers
    assert (layer.in_height, layer.in_width) == (9, 11)
    assert [row.why for row in workload.layers[:5]] == [OffArrayReason.FOLDED] * 5


def test_arithmetic_on_a_shape_may_not_take_memory(onnx_model: Any, read: Any) -> None:
    """The target shape of an Expand is computed, but not the expanded tensor."""
    nodes = [
        make_node("Mul", ["huge", "huge"], ["size"]),
        make_node("ConstantOfShape", ["size"], ["zeros"], value=numpy_helper.from_array(np.array([0]))),
        make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        make_node("Reshape", ["sum", "one"], ["shift"]),
        make_node("Pad", ["x", "shift"], ["padded"]),
        make_node("Conv", ["padded", "w"], ["y"]),
    ]
    model = onnx_model(
        nodes, [1, 3, 8, 8], [("huge", np.array([2**20])), ("one", np.array([1])), ("w", floats(4, 3, 3, 3))]
    )
    with pytest.raises(SimulatorError, match="dynamic shape"):
        read(model)


def test_shapes_that_hang_on_shapes(onnx_model: Any, read: Any) -> None:
    """PyTorch writes channel shuffles so that each splits the shape that the one before has joined."""
    nodes, tensors = [], [("zero", np.array([0])), ("split", np.array([2, 3, -1])), ("w", floats(4, 6, 3, 3))]
    for step in range(12):
        name = f"x{step}" if step else "x"
        nodes += [
            make_node("Shape", [name], [f"shape{step}"]),
            make_node("Gather", [f"shape{step}", "zero"], [f"n{step}"]),
            make_node("Concat", [f"n{step}", "split"], [f"apart{step}"], axis=0),
            make_node("Reshape", [name, f"apart{step}"], [f"groups{step}"]),
            make_node("Transpose", [f"groups{step}"], [f"swapped{step}"], perm=[0, 2, 1, 3]),
            make_node("Reshape", [f"swapped{step}", f"shape{step}"], [f"x{step + 1}"]),
        ]
    nodes.append(make_node("Conv", ["x12", "w"], ["y"], name="conv"))
    workload = read(onnx_model(nodes, ["n", 6, 8, 8], tensors), batch=2)
    assert workload.conv_layers[0].macs == 2 * 36 * 4 * 54
    assert sum(layer.op == "Transpose" and layer.work.values_read == 768 for layer in workload.layers) == 12

"""Scales and shifts merge into the layer whose result they alone read, and are work of their own elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto
from onnx.helper import make_node, make_tensor_value_info

from helpers.onnx_graphs import floats
from sqnxt_sim import OffArrayReason, VectorWork, Workload

SHAPE = [2, 3, 8, 8]
VALUES = 2 * 4 * 6 * 6
CHANNELS = np.ones((4, 1, 1), np.float32)
NORM = make_node("BatchNormalization", ["t", "one", "one", "one", "one"], ["y"], name="affine")


def workload(
    read: Any, onnx_model: Any, before: list[NodeProto], affine: NodeProto, constant: Any = CHANNELS
) -> Workload:
    """Return the workload of a convolution `c0`, what follows it up to `t`, and the scale or shift of `t`."""
    nodes = [make_node("Conv", ["x", "w"], ["c0"], name="conv"), *before, affine]
    tensors = [
        ("w", floats(4, 3, 3, 3)),
        ("one", np.ones(4, np.float32)),
        ("c", constant),
        ("flat", np.array([2, 4, 36])),
    ]
    used = {name for node in nodes for name in node.input}
    model = onnx_model(nodes, SHAPE, [pair for pair in tensors if pair[0] in used])
    if any(node.op_type == "Reshape" for node in before):
        model.graph.output[0].type.tensor_type.ClearField("shape")
    made: Workload = read(model)
    return made


MERGES = {
    "behind a convolution": ([], CHANNELS),
    "one value for all": ([], np.float32(2)),
    "behind another one": ([make_node("Add", ["c0", "c"], ["t"])], CHANNELS),
    "behind a cast": ([make_node("Cast", ["c0"], ["t"], to=TensorProto.FLOAT)], CHANNELS),
    "behind a transposition": ([make_node("Transpose", ["c0"], ["t"], perm=[0, 2, 3, 1])], np.ones(4, np.float32)),
    "behind a reshape": ([make_node("Reshape", ["c0", "flat"], ["t"])], np.ones((4, 1), np.float32)),
}


@pytest.mark.parametrize("op", ["Mul", "Add", "Sub", "Div"])
@pytest.mark.parametrize("case", MERGES)
def test_what_merges_into_the_convolution(read: Any, onnx_model: Any, case: str, op: str) -> None:
    before, constant = MERGES[case]
    node = make_node(op, ["t" if before else "c0", "c"], ["y"], name="affine")
    row = workload(read, onnx_model, before, node, constant).layers[-1]
    assert (row.why, row.reason) == (OffArrayReason.FOLDED, "a constant bias or scale, merges into the layer before")


WORK_OF_ITS_OWN = {
    "behind an activation": ([make_node("Relu", ["c0"], ["t"])], CHANNELS),
    "behind a concatenation": ([make_node("Concat", ["c0", "c0"], ["t"], axis=0)], CHANNELS),
    "behind a pool": ([make_node("MaxPool", ["c0"], ["t"], kernel_shape=[1, 1])], CHANNELS),
    "behind a sum": ([make_node("Add", ["c0", "c0"], ["t"])], CHANNELS),
    "a value for each pixel": ([make_node("Cast", ["c0"], ["t"], to=TensorProto.FLOAT)], floats(4, 6, 6)),
    "a value for each row": (
        [make_node("Cast", ["c0"], ["t"], to=TensorProto.FLOAT)],
        np.ones((1, 1, 6, 1), np.float32),
    ),
}


@pytest.mark.parametrize("case", WORK_OF_ITS_OWN)
def test_what_merges_into_nothing(read: Any, onnx_model: Any, case: str) -> None:
    before, constant = WORK_OF_ITS_OWN[case]
    row = workload(read, onnx_model, before, make_node("Mul", ["t", "c"], ["y"], name="affine"), constant).layers[-1]
    values = VALUES * (2 if "concatenation" in case else 1)
    assert row.why is OffArrayReason.NOT_COSTED
    assert "with no layer before it to merge into" in row.reason
    assert row.work == VectorWork(operations=values, values_read=values, values_written=values)


@pytest.mark.parametrize("relu", [False, True])
def test_batch_normalisation(read: Any, onnx_model: Any, relu: bool) -> None:
    before = [make_node("Relu" if relu else "Identity", ["c0"], ["t"])]
    row = workload(read, onnx_model, before, NORM).layers[-1]
    assert row.why is (OffArrayReason.NOT_COSTED if relu else OffArrayReason.FOLDED)
    assert row.work is None if not relu else row.work.operations == 2 * VALUES


def test_a_result_that_something_else_reads_keeps_its_weights(read: Any, onnx_model: Any) -> None:
    nodes = [
        make_node("Conv", ["x", "w"], ["c0"], name="conv"),
        make_node("Mul", ["c0", "c"], ["t"], name="affine"),
        make_node("Add", ["c0", "t"], ["y"]),
    ]
    tensors = [("w", floats(4, 3, 3, 3)), ("c", CHANNELS)]
    model = onnx_model(nodes, SHAPE, tensors)
    assert read(model).layers[1].why is OffArrayReason.NOT_COSTED
    # the same where the graph returns it
    model = onnx_model([*nodes[:1], make_node("Mul", ["c0", "c"], ["y"], name="affine")], SHAPE, tensors)
    assert read(model).layers[1].why is OffArrayReason.FOLDED
    model.graph.output.append(make_tensor_value_info("c0", TensorProto.FLOAT, [2, 4, 6, 6]))
    assert read(model).layers[1].why is OffArrayReason.NOT_COSTED


def test_a_constant_divided_by_a_result_is_no_scale(read: Any, onnx_model: Any) -> None:
    row = workload(read, onnx_model, [], make_node("Div", ["c", "c0"], ["y"])).layers[-1]
    assert (row.why, row.reason) == (OffArrayReason.NOT_COSTED, "element by element, left out as in the paper")


def test_dense_layers_have_their_channels_last(read: Any, onnx_model: Any) -> None:
    for constant, why in ((np.ones(7, np.float32), "folded"), (np.ones((9, 1), np.float32), "not_costed")):
        nodes = [make_node("MatMul", ["x", "w"], ["m"]), make_node("Add", ["m", "c"], ["y"])]
        tensors = [("w", floats(5, 7)), ("c", constant)]
        assert read(onnx_model(nodes, [2, 9, 5], tensors, output_rank=3)).layers[1].why == why


def test_normalisation_of_the_input_is_work(read: Any, onnx_model: Any) -> None:
    nodes = [make_node("Sub", ["x", "c"], ["s"]), make_node("Conv", ["s", "w"], ["y"])]
    tensors = [("w", floats(4, 3, 3, 3)), ("c", np.ones((3, 1, 1), np.float32))]
    row = read(onnx_model(nodes, SHAPE, tensors)).layers[0]
    assert (row.why, row.work.operations) == (OffArrayReason.NOT_COSTED, 384)

"""Activations that are alive while each node runs, counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto
from onnx.helper import make_graph, make_node, make_tensor_value_info

from sqnxt_sim import LiveActivations

MAP = (1, 4, 8, 8)
SIZE = 256


def conv(source: str, target: str, filters: int = 4, **given: Any) -> NodeProto:
    """Make a 3x3 convolution that keeps the size of the map; its weights are `w4`, or `w` with other filters."""
    return make_node("Conv", [source, f"w{filters}"], [target], name=target, pads=[1, 1, 1, 1], **given)


def live(
    onnx_model: Any, read: Any, nodes: list[NodeProto], tensors: Sequence[tuple[str, Any]] = (), **options: Any
) -> tuple[LiveActivations, ...]:
    weights = [(f"w{n}", np.ones((n, 4, 3, 3), np.float32)) for n in (4, 8)]
    used = {name for node in nodes for name in node.input}
    tensors = [*(pair for pair in weights if pair[0] in used), *tensors]
    return read(onnx_model(nodes, MAP, tensors, **options)).live


def floats(entries: tuple[LiveActivations, ...]) -> list[tuple[Any, ...]]:
    return [(entry.node, entry.float_values) for entry in entries]


def test_a_chain_keeps_two_maps(onnx_model: Any, read: Any) -> None:
    nodes = [conv("x", "a"), conv("a", "b", 8), make_node("GlobalMaxPool", ["b"], ["y"], name="y")]
    assert floats(live(onnx_model, read, nodes)) == [("a", 2 * SIZE), ("b", 3 * SIZE), ("y", 2 * SIZE + 8)]


def test_a_residual_keeps_its_shortcut(onnx_model: Any, read: Any) -> None:
    nodes = [conv("x", "a"), conv("a", "b"), conv("b", "c"), make_node("Add", ["c", "a"], ["y"], name="y")]
    assert floats(live(onnx_model, read, nodes)) == [("a", 512), ("b", 512), ("c", 768), ("y", 768)]


def test_branches_live_until_they_are_joined(onnx_model: Any, read: Any) -> None:
    nodes = [conv("x", "a"), conv("x", "b"), conv("x", "c", 8), make_node("Concat", ["a", "b", "c"], ["y"], axis=1)]
    expected = [("a", 2 * SIZE), ("b", 3 * SIZE), ("c", 5 * SIZE), ("y", 8 * SIZE)]
    assert floats(live(onnx_model, read, nodes)) == expected


def test_folded_nodes_work_in_place(onnx_model: Any, read: Any) -> None:
    """Their outputs take the memory of the convolution before them."""
    one = [(name, np.ones(4, np.float32)) for name in ("g", "b", "m", "v")]
    nodes = [
        conv("x", "a"),
        make_node("BatchNormalization", ["a", "g", "b", "m", "v"], ["n"], name="n"),
        make_node("Relu", ["n"], ["r"], name="r"),
        make_node("Reshape", ["r", "shape"], ["y"], name="y"),
    ]
    entries = live(onnx_model, read, nodes, [*one, ("shape", np.array([1, 4, 64]))], output_rank=3)
    assert floats(entries) == [("a", 2 * SIZE), ("n", SIZE), ("r", SIZE), ("y", SIZE)]


@pytest.mark.parametrize(("kind", "bits"), [(np.int8, 8), (np.int16, 16)])
def test_numbers_are_kept_at_their_own_width(onnx_model: Any, read: Any, kind: type[Any], bits: int) -> None:
    """A float that is quantised next is never kept as a float, and neither is the output of a DequantizeLinear."""
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["xq"], name="xq"),
        make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"], name="xd"),
        conv("xd", "a"),
        make_node("Relu", ["a"], ["r"], name="r"),
        make_node("QuantizeLinear", ["r", "s", "z"], ["rq"], name="rq"),
        make_node("DequantizeLinear", ["rq", "s", "z"], ["rd"], name="rd"),
        conv("rd", "y"),
    ]
    entries = live(onnx_model, read, nodes, [("s", np.float32(1)), ("z", kind(0))])
    counted = [(entry.node, entry.float_values, entry.integer_bits // bits) for entry in entries]
    # the network's output is not quantised
    one, two = (0, SIZE), (0, 2 * SIZE)
    assert counted == [
        ("xq", *one),
        ("xd", *one),
        ("a", *two),
        ("r", *one),
        ("rq", *one),
        ("rd", *one),
        ("y", SIZE, SIZE),
    ]
    assert entries[-1].bytes_at(16) == SIZE * 2 + SIZE * bits / 8


def test_outputs_live_to_the_end_and_unread_inputs_not_at_all(onnx_model: Any, read: Any) -> None:
    nodes = [
        conv("x", "y"),
        make_node("GlobalMaxPool", ["y"], ["g"], name="g"),
        make_node("Erf", ["g"], ["e"], name="e"),
    ]
    weights = [("w4", np.ones((4, 4, 3, 3), np.float32))]
    model = onnx_model(nodes, MAP, weights)
    model.graph.input.append(make_tensor_value_info("unread", TensorProto.FLOAT, [1000]))
    # y is the graph's output
    assert floats(read(model).live) == [("y", 2 * SIZE), ("g", SIZE + 4), ("e", SIZE + 8)]


def test_constants_are_no_activations(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("Mul", ["w4", "w4"], ["squared"]),
        make_node("Conv", ["x", "squared"], ["y"], name="y"),
    ]
    assert floats(live(onnx_model, read, nodes)) == [("y", SIZE + 4 * 36)]


def test_a_branch_reads_the_outer_graph(onnx_model: Any, read: Any) -> None:
    """Only the branches of the If, which comes after `b`, read `a`."""
    body = make_graph(
        [make_node("Relu", ["a"], ["inner"])], "body", [], [make_tensor_value_info("inner", TensorProto.FLOAT, MAP)]
    )
    nodes = [
        conv("x", "a"),
        conv("x", "b"),
        make_node("If", ["condition"], ["chosen"], name="if", then_branch=body, else_branch=body),
        make_node("Add", ["chosen", "b"], ["y"], name="y"),
    ]
    model = onnx_model(nodes, MAP, [("w4", np.ones((4, 4, 3, 3), np.float32))])
    model.graph.input.append(make_tensor_value_info("condition", TensorProto.BOOL, []))
    assert floats(read(model).live) == [("a", 512), ("b", 768), ("if", 768), ("y", 768)]


def test_unknown_shapes_leave_memory_unknown(onnx_model: Any, read: Any) -> None:
    nodes = [make_node("Fancy", ["x"], ["y"], domain="somewhere")]
    assert live(onnx_model, read, nodes, domains=["somewhere"]) == ()


def test_phases_of_a_transposed_convolution_are_one_node(onnx_model: Any, read: Any) -> None:
    node = make_node("ConvTranspose", ["x", "t"], ["y"], name="up", strides=[2, 2])
    workload = read(onnx_model([node], MAP, [("t", np.ones((4, 4, 2, 2), np.float32))]))
    assert (len(workload.layers), floats(workload.live)) == (4, [("up", 5 * SIZE)])


def test_the_smaller_of_two_integer_widths(onnx_model: Any, read: Any) -> None:
    """A tensor that is quantised to 16 bits and then to 8 is kept at 8 bits."""
    scales = [("s", np.float32(1)), ("z16", np.int16(0)), ("z8", np.int8(0))]
    nodes = [conv("x", "a")]
    for source, target, zero in (("a", "b", "z16"), ("b", "y", "z8")):
        nodes.append(make_node("QuantizeLinear", [source, "s", zero], [f"{target}q"]))
        nodes.append(make_node("DequantizeLinear", [f"{target}q", "s", zero], [target]))
    entries = live(onnx_model, read, nodes, scales)
    assert [(entry.float_values, entry.integer_bits) for entry in entries] == [(SIZE, 8 * SIZE), *[(0, 8 * SIZE)] * 4]


def test_a_constant_that_enlarges_the_map_merges_into_nothing(onnx_model: Any, read: Any) -> None:
    """A constant with more images than the map broadcasts the map over them, which no bias does."""
    nodes = [conv("x", "a"), make_node("Add", ["a", "bias"], ["y"], name="y")]
    entries = live(onnx_model, read, nodes, [("bias", np.ones((3, 4, 1, 1), np.float32))])
    assert floats(entries) == [("a", 2 * SIZE), ("y", 4 * SIZE)]


def test_a_tensor_that_is_read_again_after_a_folded_node(onnx_model: Any, read: Any) -> None:
    """In x * sigmoid(x), the sigmoid cannot take the memory of x; what only renames x still shares it."""
    nodes = [
        conv("x", "a"),
        make_node("Identity", ["a"], ["i"], name="i"),
        make_node("Sigmoid", ["i"], ["s"], name="s"),
        make_node("Mul", ["a", "s"], ["y"], name="y"),
    ]
    expected = [("a", 2 * SIZE), ("i", SIZE), ("s", 2 * SIZE), ("y", 3 * SIZE)]
    assert floats(live(onnx_model, read, nodes)) == expected


def test_a_preactivation_keeps_what_its_shortcut_adds(onnx_model: Any, read: Any) -> None:
    nodes = [
        conv("x", "a"),
        make_node("Relu", ["a"], ["r"], name="r"),
        conv("r", "b"),
        make_node("Relu", ["b"], ["s"], name="s"),
        make_node("Add", ["s", "a"], ["y"], name="y"),
    ]
    # the second Relu works in place: nothing else reads its input
    expected = [("a", 2 * SIZE), ("r", 2 * SIZE), ("b", 3 * SIZE), ("s", 2 * SIZE), ("y", 3 * SIZE)]
    assert floats(live(onnx_model, read, nodes)) == expected


def test_a_float_that_is_quantised_and_read_again_is_kept_twice(onnx_model: Any, read: Any) -> None:
    nodes = [
        conv("x", "a"),
        make_node("QuantizeLinear", ["a", "s", "z"], ["q"], name="q"),
        make_node("DequantizeLinear", ["q", "s", "z"], ["d"], name="d"),
        make_node("Add", ["a", "d"], ["y"], name="y"),
    ]
    entries = live(onnx_model, read, nodes, [("s", np.float32(1)), ("z", np.int8(0))])
    assert [(entry.float_values, entry.integer_bits) for entry in entries] == [
        (2 * SIZE, 0), (SIZE, 8 * SIZE), (SIZE, 8 * SIZE), (2 * SIZE, 8 * SIZE),
    ]  # fmt: skip


def test_an_output_of_the_graph_is_not_overwritten(onnx_model: Any, read: Any) -> None:
    nodes = [conv("x", "a"), make_node("Relu", ["a"], ["y"], name="y")]
    model = onnx_model(nodes, MAP, [("w4", np.ones((4, 4, 3, 3), np.float32))])
    model.graph.output.append(make_tensor_value_info("a", TensorProto.FLOAT, MAP))
    assert floats(read(model).live) == [("a", 2 * SIZE), ("y", 2 * SIZE)]

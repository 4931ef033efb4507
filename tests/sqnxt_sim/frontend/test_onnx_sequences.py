"""LSTM, GRU, RNN, attention and Einsum are matrix products, with the shapes that onnxruntime gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from helpers.onnx_graphs import floats
from sqnxt_sim import ConvLayer, OffArrayReason, Workload, load_accelerator, read_onnx, simulate_workload
from sqnxt_sim.frontend.onnx_loading import load_graph

MICROSOFT = "com.microsoft"
FIELDS = ("batch", "in_width", "groups", "group_in_channels", "group_out_channels")


def graph(node: NodeProto, inputs: dict[str, list[int]], tensors: dict[str, Any], opset: int = 17) -> ModelProto:
    """Return a graph of one node; only the types of its outputs are declared."""
    made = make_graph(
        [node],
        "graph",
        [make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in node.output if name],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors.items()],
    )
    opsets = [make_opsetid("", opset), make_opsetid(MICROSOFT, 1)]
    return make_model(made, opset_imports=opsets, ir_version=10)


def read(path: Path, model: ModelProto) -> Workload:
    """Read a graph, whose first output must have the shape that onnxruntime finds."""
    file = path / "model.onnx"
    file.write_bytes(model.SerializeToString())
    expected = onnxruntime.InferenceSession(model.SerializeToString()).get_outputs()[0].shape
    assert list(load_graph(file).shapes[model.graph.output[0].name]) == expected
    return read_onnx(file)


def sizes(layer: ConvLayer) -> tuple[int, ...]:
    return tuple(getattr(layer, name) for name in FIELDS)


STEPS, BATCH, INPUTS, HIDDEN = 6, 2, 5, 4


@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("layout", [0, 1])
def test_recurrent_layers(tmp_path: Path, op: str, gates: int, directions: int, layout: int) -> None:
    """One product for the input of all steps, and one for the hidden state that every step repeats."""
    weights = floats(directions, gates * HIDDEN, INPUTS)
    weights[0] = 0
    given = {"hidden_size": HIDDEN, "direction": "forward" if directions == 1 else "bidirectional"}
    if layout:
        given["layout"] = 1
    node = make_node(op, ["x", "w", "r"], ["y"], name="net", **given)
    shape = [BATCH, STEPS, INPUTS] if layout else [STEPS, BATCH, INPUTS]
    model = graph(node, {"x": shape}, {"w": weights, "r": floats(directions, gates * HIDDEN, HIDDEN)})
    if layout:  # onnxruntime runs no other layout than 0
        file = tmp_path / "model.onnx"
        file.write_bytes(model.SerializeToString())
        layers = read_onnx(file).conv_layers
    else:
        layers = read(tmp_path, model).conv_layers
    assert [layer.name for layer in layers] == (
        ["net input", "net hidden"]
        if directions == 1
        else ["net forward input", "net reverse input", "net forward hidden", "net reverse hidden"]
    )
    assert {sizes(layer) for layer in layers} == {
        (BATCH, STEPS, 1, INPUTS, gates * HIDDEN),
        (STEPS, BATCH, 1, HIDDEN, gates * HIDDEN),
    }
    macs = directions * STEPS * BATCH * gates * HIDDEN * (INPUTS + HIDDEN)
    assert sum(layer.macs for layer in layers) == macs
    assert [layer.nonzero_weights for layer in layers[:directions]] == [0, layers[0].weights][:directions]


def test_a_quantised_lstm(tmp_path: Path) -> None:
    node = make_node(
        "DynamicQuantizeLSTM",
        ["x", "w", "r", "", "", "", "", "", "ws", "wz", "rs", "rz"],
        ["y", "h"],
        name="net",
        domain=MICROSOFT,
        hidden_size=HIDDEN,
    )
    weights = np.full((1, INPUTS, 4 * HIDDEN), 3, np.int8)
    weights[0, 0] = 0
    tensors = {
        "w": weights, "r": np.ones((1, HIDDEN, 4 * HIDDEN), np.int8), "ws": np.ones(1, np.float32),
        "wz": np.zeros(1, np.int8), "rs": np.ones(1, np.float32), "rz": np.zeros(1, np.int8),
    }  # fmt: skip
    first, second = read(tmp_path, graph(node, {"x": [STEPS, BATCH, INPUTS]}, tensors)).conv_layers
    assert (sizes(first), sizes(second)) == ((BATCH, STEPS, 1, INPUTS, 16), (STEPS, BATCH, 1, HIDDEN, 16))
    assert (first.weight_bits, first.activation_bits, first.nonzero_weights) == (8, 8, (INPUTS - 1) * 16)


HEADS, QUERIES, KEYS, WIDTH = 3, 7, 9, 4
MODEL = HEADS * WIDTH


@pytest.mark.parametrize("hidden", [None, [12, 12, 24]])
@pytest.mark.parametrize("opset", [13, 18])
def test_attention_that_projects_its_input(tmp_path: Path, hidden: list[int] | None, opset: int) -> None:
    columns, given = sum(hidden or [MODEL] * 3), {"qkv_hidden_sizes": hidden} if hidden else {}
    node = make_node("Attention", ["x", "w", "b"], ["y"], name="att", domain=MICROSOFT, num_heads=HEADS, **given)
    tensors = {"w": floats(5, columns), "b": floats(columns)}
    layers = read(tmp_path, graph(node, {"x": [2, QUERIES, 5]}, tensors, opset)).conv_layers
    out = (hidden or [MODEL] * 3)[2] // HEADS
    assert [(layer.name, *sizes(layer), layer.computed_weights) for layer in layers] == [
        ("att projection", 2, QUERIES, 1, 5, columns, False),
        ("att scores", 2, QUERIES, HEADS, WIDTH, QUERIES, True),
        ("att values", 2, QUERIES, HEADS, QUERIES, out, True),
    ]


def test_attention_of_integers(tmp_path: Path) -> None:
    node = make_node(
        "QAttention",
        ["q", "w", "b", "s", "s", "", "qz", "wz"],
        ["y"],
        name="att",
        domain=MICROSOFT,
        num_heads=HEADS,
    )
    weights = np.ones((5, 3 * MODEL), np.int8)
    weights[0] = 0
    tensors = {
        "w": weights, "b": floats(3 * MODEL), "s": np.float32(0.1), "qz": np.uint8(0), "wz": np.int8(0),
    }  # fmt: skip
    model = graph(node, {}, tensors)
    model.graph.input.append(make_tensor_value_info("q", TensorProto.UINT8, [2, QUERIES, 5]))
    projection, *_ = read(tmp_path, model).conv_layers
    assert (projection.weight_bits, projection.activation_bits, projection.nonzero_weights) == (8, 8, 4 * 3 * MODEL)


JOINED = ([2, QUERIES, MODEL], [2, KEYS, MODEL])
APART = ([2, HEADS, QUERIES, WIDTH], [2, HEADS, KEYS, WIDTH])
SEPARATE: dict[str, tuple[str, list[int], list[int], dict[str, int]]] = {
    "joined heads": ("MultiHeadAttention", *JOINED, {"num_heads": HEADS}),
    "heads of the keys apart": ("MultiHeadAttention", JOINED[0], APART[1], {"num_heads": HEADS}),
    "onnx, rank 4": ("Attention", *APART, {}),
    "onnx, rank 3": ("Attention", *JOINED, {"q_num_heads": HEADS, "kv_num_heads": HEADS}),
}


@pytest.mark.parametrize("case", SEPARATE)
def test_attention_of_queries_keys_and_values(tmp_path: Path, case: str) -> None:
    op, queries, keys, given = SEPARATE[case]
    domain = "" if case.startswith("onnx") else MICROSOFT
    node = make_node(op, ["q", "k", "v"], ["y"], name="att", domain=domain, **given)
    workload = read(tmp_path, graph(node, {"q": queries, "k": keys, "v": keys}, {}, 23))
    assert [(layer.name, *sizes(layer)) for layer in workload.conv_layers] == [
        ("att scores", 2, QUERIES, HEADS, WIDTH, KEYS),
        ("att values", 2, QUERIES, HEADS, KEYS, WIDTH),
    ]
    assert simulate_workload(workload, load_accelerator("squeezelerator-8x8"), strict=True).macs == 2 * 2 * (
        HEADS * QUERIES * KEYS * WIDTH
    )


def test_attention_whose_input_is_packed(tmp_path: Path) -> None:
    node = make_node("MultiHeadAttention", ["q"], ["y"], name="att", domain=MICROSOFT, num_heads=HEADS)
    workload = read(tmp_path, graph(node, {"q": [2, QUERIES, HEADS, 3, WIDTH]}, {}))
    assert [sizes(layer) for layer in workload.conv_layers] == [
        (2, QUERIES, HEADS, WIDTH, QUERIES),
        (2, QUERIES, HEADS, QUERIES, WIDTH),
    ]


def test_attention_with_keys_of_earlier_steps(tmp_path: Path) -> None:
    node = make_node("Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "nk", "nv"], name="att")
    step, past = [2, HEADS, 1, WIDTH], [2, HEADS, KEYS, WIDTH]
    model = graph(node, {"q": step, "k": step, "v": step, "pk": past, "pv": past}, {}, 23)
    assert [sizes(layer)[3:] for layer in read(tmp_path, model).conv_layers] == [(WIDTH, KEYS + 1), (KEYS + 1, WIDTH)]


EINSUMS: dict[str, tuple[list[int], list[int], bool, tuple[int, ...]]] = {
    # equation: operands, is the second one constant, batch, width, groups, shared, columns
    "bsd,dh->bsh": ([2, 9, 5], [5, 7], True, (2, 9, 1, 5, 7)),
    "bsd,hd->bsh": ([2, 9, 5], [7, 5], True, (2, 9, 1, 5, 7)),
    "bshd,hdo->bso": ([2, 9, 3, 5], [3, 5, 7], True, (2, 9, 1, 15, 7)),
    "bhqd,bhkd->bhqk": ([2, 3, 9, 5], [2, 3, 8, 5], False, (2, 9, 3, 5, 8)),
    "bqhd,bkhd->bhqk": ([2, 9, 3, 5], [2, 8, 3, 5], False, (2, 9, 3, 5, 8)),
    "...ij,...jk->...ik": ([2, 3, 9, 5], [2, 3, 5, 8], False, (2, 9, 3, 5, 8)),
    "...i,io->...o": ([2, 9, 5], [5, 7], True, (2, 9, 1, 5, 7)),
    "gnd,gdo->gno": ([3, 9, 5], [3, 5, 7], True, (1, 9, 3, 5, 7)),
}


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(tmp_path: Path, equation: str) -> None:
    first, second, is_constant, expected = EINSUMS[equation]
    node = make_node("Einsum", ["x", "w"], ["y"], equation=equation)
    inputs = {"x": first} if is_constant else {"x": first, "w": second}
    (layer,) = read(tmp_path, graph(node, inputs, {"w": floats(*second)} if is_constant else {})).conv_layers
    assert sizes(layer) == expected
    assert layer.computed_weights is not is_constant


def test_the_weights_of_an_einsum_may_come_first(tmp_path: Path) -> None:
    node = make_node("Einsum", ["w", "x"], ["y"], equation="oi,bis->bos")
    (layer,) = read(tmp_path, graph(node, {"x": [2, 5, 9]}, {"w": floats(7, 5)})).conv_layers
    assert (sizes(layer), layer.nonzero_weights) == ((2, 9, 1, 5, 7), 35)


@pytest.mark.parametrize("equation", ["ij,ij->ij", "ij,kl->ijk", "ij,jk", "ii,ik->ik", "ij,jk,kl->il"])
def test_an_einsum_that_is_no_product(tmp_path: Path, equation: str) -> None:
    names = ["a", "b", "c"][: equation.count(",") + 1]
    node = make_node("Einsum", names, ["y"], equation=equation)
    (row,) = read(tmp_path, graph(node, {name: [4, 4] for name in names}, {})).layers
    assert row.why is OffArrayReason.NO_MODEL

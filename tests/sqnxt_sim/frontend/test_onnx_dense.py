"""Matrix products become layers."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto
from onnx.helper import make_node, make_tensor_value_info

from helpers.onnx_graphs import floats
from sqnxt_sim import ConvLayer, load_accelerator, simulate_workload

ACCELERATOR = load_accelerator("squeezelerator-8x8")


@pytest.mark.parametrize(("transpose_a", "transpose_b"), product((0, 1), repeat=2))
def test_gemm(onnx_model: Any, read: Any, transpose_a: int, transpose_b: int) -> None:
    weights = floats(7, 5) if transpose_b else floats(5, 7)
    node = make_node("Gemm", ["x", "w"], ["y"], name="fc", transA=transpose_a, transB=transpose_b)
    (layer,) = read(onnx_model([node], [5, 3] if transpose_a else [3, 5], [("w", weights)], output_rank=2)).layers
    assert (layer.op, layer.in_channels, layer.out_channels, layer.batch, layer.macs) == ("Gemm", 5, 7, 3, 105)
    assert (layer.kernel_height, layer.kernel_width, layer.in_height, layer.in_width) == (1, 1, 1, 1)


def test_matmul_over_a_sequence_shares_its_weights(onnx_model: Any, read: Any) -> None:
    (layer,) = read(
        onnx_model([make_node("MatMul", ["x", "w"], ["y"])], [2, 9, 5], [("w", floats(5, 7))], output_rank=3)
    ).layers
    assert (layer.batch, layer.in_width, layer.macs) == (2, 9, 2 * 9 * 5 * 7)


def layer_of(
    read: Any, onnx_model: Any, nodes: list[NodeProto], shape: list[int], tensors: Any = (), **options: Any
) -> Any:
    (layer,) = read(onnx_model(nodes, shape, tensors, **options)).conv_layers
    return layer


def sizes(layer: ConvLayer) -> tuple[int, ...]:
    return layer.batch, layer.in_height, layer.in_width, layer.groups, layer.group_in_channels, layer.group_out_channels


MATRIX = ("w", floats(64, 128))


@pytest.mark.parametrize(
    ("op", "form"), [("MatMul", "map"), ("MatMul", "rows"), ("MatMul", "sequence"), ("Gemm", "rows")]
)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("channels", ["first", "last"])
def test_a_dense_layer_on_a_map_is_a_1x1_convolution(
    onnx_model: Any, read: Any, op: str, batch: int, form: str, channels: str
) -> None:
    """It costs what the convolution costs, whatever the shape that the map is brought into before it."""
    nodes = [make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1])] if channels == "first" else []
    nodes.append(make_node("Reshape", ["t" if nodes else "x", "shape"], ["r"]))
    shape = {"map": [0, 7, 14, 64], "rows": [-1, 64], "sequence": [0, -1, 64]}[form]
    nodes.append(make_node(op, ["r", "w"], ["y"], name="fc"))
    tensors = [MATRIX, ("shape", np.array(shape))]
    x = [batch, 64, 7, 14] if channels == "first" else [batch, 7, 14, 64]
    model = onnx_model(nodes, x, tensors, output_rank=len(shape))
    dense = read(model)
    assert sizes(dense.conv_layers[0]) == (batch, 7, 14, 1, 64, 128)
    convolution = onnx_model([make_node("Conv", ["x", "k"], ["y"], name="fc")], [batch, 64, 7, 14],
                             [("k", MATRIX[1].T[:, :, None, None])])  # fmt: skip
    costs = [simulate_workload(workload, ACCELERATOR) for workload in (dense, read(convolution))]
    assert costs[0].cycles == costs[1].cycles
    assert costs[0].energy == costs[1].energy


def test_the_map_is_that_of_the_last_convolution(onnx_model: Any, read: Any) -> None:
    """Activations, normalisations and a dense layer between keep it."""
    nodes = [
        make_node("Conv", ["x", "k"], ["c"], strides=[2, 2]),
        make_node("Reshape", ["c", "shape"], ["f"]),
        make_node("Transpose", ["f"], ["t"], perm=[0, 2, 1]),
        make_node("LayerNormalization", ["t", "g"], ["n"]),
        make_node("MatMul", ["n", "v"], ["m"], name="first"),
        make_node("Relu", ["m"], ["r"]),
        make_node("MatMul", ["r", "v"], ["y"], name="second"),
    ]
    tensors = [("k", floats(5, 3, 2, 2)), ("g", floats(5)), ("v", floats(5, 5)), ("shape", np.array([0, 0, -1]))]
    layers = read(onnx_model(nodes, [2, 3, 8, 12], tensors, output_rank=3)).conv_layers
    assert [sizes(layer) for layer in layers[1:]] == [(2, 4, 6, 1, 5, 5)] * 2


def test_the_map_is_that_of_the_last_dense_layer_on_one(onnx_model: Any, read: Any) -> None:
    """Swin makes its map smaller with slices, and cuts it into windows after the next dense layer."""
    nodes = [
        make_node("Slice", ["x", "from", "to", "axes", "steps"], ["s"]),
        make_node("MatMul", ["s", "w"], ["m"]),
        make_node("Reshape", ["m", "windows"], ["r"]),
        make_node("MatMul", ["r", "w"], ["y"]),
    ]
    tensors = {"from": [0, 0], "to": [8, 8], "axes": [1, 2], "steps": [2, 2], "windows": [4, 4, 5]}
    arrays = [(name, np.array(values)) for name, values in tensors.items()]
    model = onnx_model(nodes, [1, 8, 8, 5], [*arrays, ("w", floats(5, 5))], output_rank=3)
    assert [sizes(layer)[:3] for layer in read(model).conv_layers] == [(1, 4, 4)] * 2


@pytest.mark.parametrize(
    ("shape", "target", "expected"),
    [
        ([4, 10], [-1, 10], (4, 1, 1)),  # a batch of vectors
        ([2, 50, 10], [2, 50, 10], (2, 1, 50)),  # tokens
        ([2, 50, 10], [-1, 10], (2, 1, 50)),
        ([1, 10, 7], [7, 10], (1, 1, 7)),
        ([3, 10], [-1, 5], (3, 1, 2)),
        ([4, 30], [6, 20], (6, 1, 1)),  # no batch of 4 is among 6 rows
        ([10], [1, 10], (1, 1, 1)),
        ([1, 2**19, 10], [-1, 10], (1, 2, 2**18)),  # longer than any side of a map
    ],
)
def test_batches_and_sequences(
    onnx_model: Any, read: Any, shape: list[int], target: list[int], expected: tuple[int, ...]
) -> None:
    nodes = [make_node("Reshape", ["x", "shape"], ["r"]), make_node("MatMul", ["r", "w"], ["y"])]
    tensors = [("w", floats(target[-1], 7)), ("shape", np.array(target))]
    layer = layer_of(read, onnx_model, nodes, shape, tensors, output_rank=len(target))
    assert sizes(layer)[:3] == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # batch, height, width, groups, shared, columns
        ([2, 6, 9, 5], [2, 6, 5, 4], (2, 1, 9, 6, 5, 4)),  # heads are groups
        ([1, 6, 9, 5], [1, 6, 5, 4], (1, 1, 9, 6, 5, 4)),
        ([6, 9, 5], [6, 5, 4], (6, 1, 9, 1, 5, 4)),
        ([2, 6, 9, 5], [6, 5, 4], (2, 1, 9, 6, 5, 4)),
        ([9, 5], [5, 4], (9, 1, 1, 1, 5, 4)),
        ([2, 9, 5], [5], (2, 1, 9, 1, 5, 1)),
    ],
)
def test_products_of_two_activations(
    onnx_model: Any, read: Any, first: list[int], second: list[int], expected: tuple[int, ...]
) -> None:
    """The second matrix moves as weights do, at the width of activations, and no zeros are assumed in it."""
    model = onnx_model(
        [make_node("MatMul", ["x", "z"], ["y"])], first, output_rank=max(2, len(first)) - (len(second) == 1)
    )
    model.graph.input.append(make_tensor_value_info("z", TensorProto.FLOAT, second))
    workload = read(model)
    (layer,) = workload.layers
    assert sizes(layer) == expected
    assert (layer.weight_bits, layer.computed_weights, layer.nonzero_weights) == (None, True, layer.weights)
    report = simulate_workload(workload, ACCELERATOR, sparsity=0.5, precision="int16x8")
    assert report.costed[0].layer.nonzero_weights == layer.weights
    assert report.costed[0].layer.weight_bits == 16
    assert not any("not known" in note for note in report.notes)
    assert report.to_json()["complete"]


def test_the_weights_may_come_first(onnx_model: Any, read: Any) -> None:
    weights = floats(7, 5)
    weights[0] = 0
    layer = layer_of(
        read, onnx_model, [make_node("MatMul", ["w", "x"], ["y"])], [2, 5, 9], [("w", weights)], output_rank=3
    )
    assert sizes(layer) == (2, 1, 9, 1, 5, 7)
    assert (layer.nonzero_weights, layer.computed_weights) == (30, False)


def test_weights_of_each_group(onnx_model: Any, read: Any) -> None:
    layer = layer_of(read, onnx_model, [make_node("MatMul", ["x", "w"], ["y"])], [2, 3, 9, 5], [("w", floats(3, 5, 7))])
    assert sizes(layer) == (2, 1, 9, 3, 5, 7)
    assert layer.nonzero_weights == 105


def test_a_packed_matrix(onnx_model: Any, read: Any) -> None:
    node = make_node("MatMulNBits", ["x", "q", "s"], ["y"], domain="com.microsoft", K=32, N=3, bits=4, block_size=32)
    tensors = [("q", np.full((3, 1, 16), 0x78, np.uint8)), ("s", np.ones(3, np.float32))]
    layer = layer_of(read, onnx_model, [node], [1, 9, 32], tensors, output_rank=3, domains=["com.microsoft"])
    assert (layer.macs, layer.weight_bits, layer.nonzero_weights) == (9 * 32 * 3, 4, 48)


@pytest.mark.parametrize(
    ("data", "weights", "places"), [([5], (5, 7), 1), ([2, 9, 5], (1, 5, 7), 18), ([2, 3, 4, 5], (5, 7), 24)]
)
def test_matmul_of_other_ranks(
    onnx_model: Any, read: Any, data: list[int], weights: tuple[int, ...], places: int
) -> None:
    rank = max(len(data), len(weights)) - (len(data) == 1)
    nodes = [make_node("MatMul", ["x", "w"], ["y"])]
    (layer,) = read(onnx_model(nodes, data, [("w", floats(*weights))], output_rank=rank)).layers
    assert (layer.in_channels, layer.out_channels, layer.macs) == (5, 7, places * 35)


@pytest.mark.parametrize(("a", "b"), product((0, 1), repeat=2))
def test_a_fused_product_transposes_the_last_two_axes(onnx_model: Any, read: Any, a: int, b: int) -> None:
    node = make_node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft", transA=a, transB=b)
    data, weights = [2, 5, 3] if a else [2, 3, 5], floats(7, 5) if b else floats(5, 7)
    (layer,) = read(onnx_model([node], data, [("w", weights)], output_rank=3, domains=["com.microsoft"])).layers
    assert (layer.batch, layer.in_width, layer.in_channels, layer.out_channels) == (2, 3, 5, 7)

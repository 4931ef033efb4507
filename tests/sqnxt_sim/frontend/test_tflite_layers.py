"""Layers of .tflite files: every operator that the array runs."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.tflite_graphs import TfliteMaker, weights
from helpers.tflite_layers import SAME, VALID, Read, convolved, off_array, only_layer
from sqnxt_sim import OffArrayReason, SimulatorError


@pytest.mark.parametrize(
    ("data", "kernel", "output", "options", "pads", "macs"),
    [
        ([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6], {}, (1, 1, 1, 1), 64 * 6 * 36),
        ([1, 8, 9, 4], [6, 3, 5, 4], [1, 4, 5, 6], {"strideH": 2, "strideW": 2}, (0, 2, 1, 2), 20 * 6 * 60),
        ([2, 8, 8, 4], [6, 3, 3, 4], [2, 6, 6, 6], {"padding": VALID}, (0, 0, 0, 0), 2 * 36 * 6 * 36),
        (
            [1, 9, 9, 4], [6, 3, 3, 4], [1, 5, 9, 6],
            {"dilationHFactor": 2, "strideH": 2}, (2, 1, 2, 1), 45 * 6 * 36,
        ),
    ],
)  # fmt: skip
def test_convolutions(data: Any, kernel: Any, output: Any, options: Any, pads: Any, macs: int, read_made: Read) -> None:
    layer = only_layer(read_made(convolved(data, kernel, output, **options)))
    assert (layer.pad_top, layer.pad_left, layer.pad_bottom, layer.pad_right) == pads
    assert (layer.macs, layer.name, layer.op, layer.groups) == (macs, "conv", "Conv", 1)
    assert (layer.batch, layer.out_height, layer.out_width, layer.out_channels) == tuple(output)


def test_grouped_and_depthwise_convolutions(read_made: Read) -> None:
    grouped = only_layer(read_made(convolved([1, 8, 8, 8], [6, 3, 3, 4], [1, 8, 8, 6])))
    assert (grouped.groups, grouped.macs) == (2, 64 * 6 * 36)
    depthwise = only_layer(read_made(convolved([1, 8, 8, 4], [1, 3, 3, 12], [1, 8, 8, 12], "DEPTHWISE_CONV_2D")))
    assert (depthwise.groups, depthwise.in_channels, depthwise.out_channels) == (4, 4, 12)
    assert (depthwise.macs, depthwise.weights) == (64 * 12 * 9, 108)


@pytest.mark.parametrize(
    ("data", "kernel", "output", "options"),
    [
        ([1, 8, 8, 4], [6, 3, 3, 3], [1, 8, 8, 6], {}),
        ([1, 8, 8, 4], [6, 3, 3, 4], [1, 7, 8, 6], {}),
        ([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 5], {}),
        ([1, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6], {}),
        ([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6], {"strideH": 0}),
        ([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6], {"dilationHFactor": -1}),
        ([1, 8, 8, 0], [6, 3, 3, 4], [1, 8, 8, 6], {}),
    ],
)
def test_contradicting_shapes_are_refused(data: Any, kernel: Any, output: Any, options: Any, read_made: Read) -> None:
    with pytest.raises(SimulatorError, match=r"does not fit its tensors|is out of range"):
        read_made(convolved(data, kernel, output, **options))


@pytest.mark.parametrize(
    ("data", "output", "where"),
    [
        ([1, 196, 8], [1, 196, 5], (1, 1, 196)),
        ([1, 14, 14, 8], [1, 14, 14, 5], (1, 14, 14)),
        ([1, 2, 4, 4, 8], [1, 2, 4, 4, 5], (1, 1, 32)),
        ([7, 8], [7, 5], (7, 1, 1)),
        ([3, 2, 2, 2], [3, 5], (3, 1, 1)),
    ],
)
def test_dense_layers_on_maps_and_batches(data: Any, output: Any, where: Any, read_made: Read) -> None:
    make = TfliteMaker()
    make.tensor("rows", data, is_input=True)
    make.tensor("net/dense/MatMul", [5, 8], values=weights([5, 8]))
    make.node("FULLY_CONNECTED", ["rows", "net/dense/MatMul", ""], [make.tensor("out", output)])
    layer = only_layer(read_made(make))
    assert (layer.batch, layer.in_height, layer.in_width) == where
    assert (layer.name, layer.op, layer.in_channels, layer.out_channels) == ("dense", "Gemm", 8, 5)


def test_rows_of_a_reshaped_map_are_the_map(read_made: Read) -> None:
    make = convolved([1, 14, 14, 4], [8, 1, 1, 4], [1, 14, 14, 8])
    make.tensor("shape", [2], "int32", values=[196, 8])
    make.node("RESHAPE", ["out", "shape"], [make.tensor("rows", [196, 8])])
    make.tensor("net/dense/MatMul", [5, 8], values=weights([5, 8]))
    make.node("FULLY_CONNECTED", ["rows", "net/dense/MatMul", ""], [make.tensor("end", [196, 5])])
    _, dense = read_made(make).conv_layers
    assert (dense.batch, dense.in_height, dense.in_width) == (1, 14, 14)


def multiplied(first: Any, second: Any, output: Any, *, constant: int | None, **adjoint: bool) -> TfliteMaker:
    make = TfliteMaker()
    for place, (name, shape) in enumerate((("a", first), ("b", second))):
        values = weights(shape) if place == constant else None
        make.tensor(name, shape, values=values, is_input=values is None)
    make.node("BATCH_MATMUL", ["a", "b"], [make.tensor("out", output)], options="BatchMatMulOptions", **adjoint)
    return make


def test_matrix_products(read_made: Read) -> None:
    stored = only_layer(read_made(multiplied([1, 50, 8], [8, 5], [1, 50, 5], constant=1)))
    assert (stored.in_width, stored.weights, stored.nonzero_weights, stored.computed_weights) == (50, 40, 40, False)
    turned = only_layer(read_made(multiplied([1, 50, 8], [5, 8], [1, 50, 5], constant=1, adjY=True)))
    assert turned == stored
    first = only_layer(read_made(multiplied([5, 8], [1, 8, 50], [1, 5, 50], constant=0)))
    assert (first.macs, first.weights, first.in_width) == (5 * 8 * 50, 40, 50)
    heads = only_layer(read_made(multiplied([1, 4, 50, 8], [1, 4, 50, 8], [1, 4, 50, 50], constant=None, adjY=True)))
    assert (heads.macs, heads.groups, heads.computed_weights) == (4 * 50 * 8 * 50, 4, True)
    with pytest.raises(SimulatorError, match="8 columns and 7 rows"):
        read_made(multiplied([1, 50, 8], [7, 5], [1, 50, 5], constant=1))


@pytest.mark.parametrize(("padding", "side"), [(SAME, 16), (VALID, 17)])
def test_transposed_convolutions(padding: int, side: int, read_made: Read) -> None:
    make = TfliteMaker()
    make.tensor("image", [1, 8, 8, 4], is_input=True)
    make.tensor("sizes", [4], "int32", values=[1, side, side, 6])
    make.tensor("net/up/conv2d_transpose", [6, 3, 3, 4], values=weights([6, 3, 3, 4], {(0, 0, 0, 0): 0}))
    make.node(
        "TRANSPOSE_CONV", ["sizes", "net/up/conv2d_transpose", "image"], [make.tensor("out", [1, side, side, 6])],
        options="TransposeConvOptions", padding=padding, strideH=2, strideW=2,
    )  # fmt: skip
    layers = read_made(make).conv_layers
    assert [layer.name for layer in layers] == [f"up phase {rows},{columns}" for rows in (0, 1) for columns in (0, 1)]
    assert sum(layer.out_pixels for layer in layers) == side**2
    assert (sum(layer.weights for layer in layers), sum(layer.nonzero_weights or 0 for layer in layers)) == (216, 215)


def test_recurrent_operators(read_made: Read) -> None:
    make = TfliteMaker()
    make.tensor("steps", [2, 10, 8], is_input=True)
    for gate in range(4):
        make.tensor(f"input{gate}", [6, 8], values=weights([6, 8]))
        make.tensor(f"state{gate}", [6, 6], values=weights([6, 6]))
    names = ["steps", *(f"input{gate}" for gate in range(4)), *(f"state{gate}" for gate in range(4)), *[""] * 11]
    make.node(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", names, [make.tensor("net/lstm/out", [2, 10, 6])],
        options="UnidirectionalSequenceLSTMOptions", timeMajor=False,
    )  # fmt: skip
    of_input, of_state = read_made(make).conv_layers
    assert (of_input.batch, of_input.in_width, of_input.macs) == (2, 10, 2 * 10 * 4 * 48)
    assert (of_state.batch, of_state.in_width, of_state.macs) == (10, 2, 2 * 10 * 4 * 36)
    make = TfliteMaker()
    make.tensor("x", [1, 16], is_input=True)
    make.tensor("features", [8, 16], values=weights([8, 16]))
    make.tensor("times", [8, 10], values=weights([8, 10]))
    make.node("SVDF", ["x", "features", "times", "", ""], [make.tensor("out", [1, 8])])
    assert sum(layer.macs for layer in read_made(make).conv_layers) == 8 * 16 + 8 * 10


def test_what_is_left_out_is_said(read_made: Read) -> None:
    make = convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6])
    make.node("CUSTOM", ["out"], [make.tensor("found", [1, 8, 8, 6])], custom="Detect")
    make.node("WHILE", ["found"], [make.tensor("after", [1, 8, 8, 6])])
    make.node("RFFT2D", ["after"], [make.tensor("spectrum", [1, 8, 8, 6])])
    nodes = off_array(read_made(make))
    assert {node.op: node.reason for node in nodes.values()} == {
        "Detect": "custom operator of the file's maker",
        "Loop": "what it calls is another graph of the file, which is left out",
        "RFFT2D": "no model of this operator",
    }
    assert {node.why for node in nodes.values()} == {OffArrayReason.NO_MODEL}


def test_a_free_batch_is_fixed_and_other_sizes_are_compared(read_made: Read) -> None:
    make = convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6])
    make.graph.tensors[0].shapeSignature = [-1, 8, 8, 4]
    one, four = read_made(make), read_made(make, batch=4, input_size=8)
    assert (only_layer(four).batch, four.input_shapes) == (4, ((4, 8, 8, 4),))
    assert four.live[0].float_values == 4 * one.live[0].float_values
    for sizes, words in (
        ({"input_size": 9}, "'image' is fixed at 8x8, not 9x9; leave out `input_size`"),
        ({"dims": {"n": 3}}, "leave out `dims`"),
        ({"batch": 0}, "batch 0 is out of range"),
    ):
        with pytest.raises(SimulatorError, match=words):
            read_made(make, **sizes)
    with pytest.raises(SimulatorError, match="fixed at 1 along axis 0, not 4; leave out `batch`"):
        read_made(convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6]), batch=4)
    make = convolved([1, 1, 1, 4], [6, 1, 1, 4], [1, 1, 1, 6])
    make.graph.tensors[0].shapeSignature = [1, -1, -1, 4]
    with pytest.raises(SimulatorError, match="leaves axis 1 free"):
        read_made(make)


def test_tensors_written_out_of_order_are_refused(read_made: Read) -> None:
    make = TfliteMaker()
    make.tensor("a", [2], is_input=True)
    make.node("RELU", ["a"], [make.tensor("b", [2])])
    make.node("RELU", ["b"], ["b"])
    with pytest.raises(SimulatorError, match="'b' is written out of order"):
        read_made(make)


def test_convolutions_of_volumes(read_made: Read) -> None:
    make = TfliteMaker()
    make.tensor("volume", [2, 6, 8, 8, 4], is_input=True)
    make.tensor("net/conv/Conv3D", [3, 3, 3, 4, 5], values=weights([3, 3, 3, 4, 5]))
    make.node(
        "CONV_3D", ["volume", "net/conv/Conv3D"], [make.tensor("out", [2, 3, 8, 4, 5])], options="Conv3DOptions",
        padding=SAME, strideD=2, strideH=1, strideW=2, dilationDFactor=1, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    layer = only_layer(read_made(make))
    assert (layer.batch, layer.in_channels, layer.out_height, layer.out_width) == (6, 12, 8, 4)
    assert layer.macs == 2 * 3 * 8 * 4 * 5 * 27 * 4


@pytest.mark.parametrize(
    ("kernel", "output", "name"),
    [
        ("net/conv/Conv2D", "net/conv_relu/Relu;net/conv_bn/FusedBatchNormV3;net/conv/Conv2D1", "conv"),
        ("net/block/conv2d_5/Conv2D", "net/block/conv2d_5/BiasAdd", "block/conv2d_5"),
        ("net/a_bn/FusedBatchNormV3;net/a/depthwise1", "net/a_relu6/Relu6", "a"),
        ("net/sep/separable_conv2d/depthwise/float16", "net/sep/separable_conv2d", "sep/depthwise"),
        ("Conv2D", "net/grouped_relu/Relu;net/grouped_bn/FusedBatchNormV3;Conv2D1", "grouped"),
        ("net/conv1/weights_quant/FakeQuantWithMinMaxVars", "net/conv1/Relu", "conv1"),
        ("arith.constant7", "StatefulPartitionedCall:0", "StatefulPartitionedCall:0"),
        ("arith.constant7", "torch.nn.Conv2d_stem;", "torch.nn.Conv2d_stem"),
    ],
)
def test_names_of_layers(kernel: str, output: str, name: str, read_made: Read) -> None:
    make = convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6])
    for tensor, text in zip(make.graph.tensors, ("net/input/x", kernel, output), strict=True):
        tensor.name = text.encode()
    assert only_layer(read_made(make)).name == name

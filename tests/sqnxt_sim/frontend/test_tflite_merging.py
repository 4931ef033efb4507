"""Operators of .tflite files that merge into a layer, and graphs that stand for one operator."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.tflite_graphs import TfliteMaker, weights
from helpers.tflite_layers import SAME, VALID, Read, convolved, off_array, only_layer
from sqnxt_sim import OffArrayReason, SimulatorError


def padded(padding: int, *, pads: Any = ((0, 0), (1, 2), (0, 1), (0, 0)), read_again: bool = False) -> TfliteMaker:
    make = TfliteMaker()
    image = make.tensor("image", [1, 8, 8, 4], is_input=True)
    make.tensor("pads", [4, 2], "int32", values=pads)
    make.tensor("net/pad/Pad", [1, 11, 9, 4])
    make.node("PAD", [image, "pads"], ["net/pad/Pad"], options="PadOptions")
    make.tensor("net/conv/Conv2D", [6, 3, 3, 4], values=weights([6, 3, 3, 4]))
    make.tensor("out", [1, 9, 7, 6] if padding == VALID else [1, 11, 9, 6])
    make.node(
        "CONV_2D", ["net/pad/Pad", "net/conv/Conv2D"], ["out"], options="Conv2DOptions",
        padding=padding, strideH=1, strideW=1,
    )  # fmt: skip
    if read_again:
        make.node("RELU", ["net/pad/Pad"], [make.tensor("again", [1, 11, 9, 4])])
    return make


def test_a_border_merges_into_the_convolution_behind_it(read_made: Read) -> None:
    workload = read_made(padded(VALID))
    layer = only_layer(workload)
    assert (layer.in_height, layer.pad_top, layer.pad_bottom, layer.pad_left, layer.pad_right) == (8, 1, 2, 0, 1)
    assert off_array(workload)["pad"].why is OffArrayReason.FOLDED
    # The padded map is never stored: only the image and the result are.
    assert max(live.float_values for live in workload.live) == 8 * 8 * 4 + 9 * 7 * 6
    layer = only_layer(read_made(padded(SAME)))
    assert (layer.pad_top, layer.pad_bottom, layer.pad_left, layer.pad_right) == (2, 3, 1, 2)


@pytest.mark.parametrize("options", [{"read_again": True}, {"pads": ((0, 0), (1, 2), (0, 1), (0, 1))}])
def test_other_borders_stay(options: Any, read_made: Read) -> None:
    workload = read_made(padded(VALID, **options)) if "read_again" in options else None
    if workload is None:
        make = padded(VALID, **options)
        make.graph.tensors[2].shape = [1, 11, 9, 4]
        workload = read_made(make)
    assert off_array(workload)["pad"].why is OffArrayReason.NOT_COSTED
    assert only_layer(workload).in_height == 11


def dilated(*, crops: Any = ((0, 0), (0, 0))) -> TfliteMaker:
    """A 3x3 convolution with dilation 2 on 8x8, as TensorFlow's converter writes it."""
    make = TfliteMaker()
    image = make.tensor("image", [1, 8, 8, 4], is_input=True)
    make.tensor("blocks", [2], "int32", values=[2, 2])
    make.tensor("pads", [2, 2], "int32", values=[[2, 2], [2, 2]])
    make.tensor("crops", [2, 2], "int32", values=crops)
    make.tensor("apart", [4, 6, 6, 4])
    make.node("SPACE_TO_BATCH_ND", [image, "blocks", "pads"], ["apart"])
    make.tensor("net/conv/Conv2D", [6, 3, 3, 4], values=weights([6, 3, 3, 4]))
    make.tensor("within", [4, 4, 4, 6])
    make.node(
        "CONV_2D", ["apart", "net/conv/Conv2D"], ["within"], options="Conv2DOptions",
        padding=VALID, strideH=1, strideW=1,
    )  # fmt: skip
    make.tensor("out", [1, 8, 8, 6])
    make.node("BATCH_TO_SPACE_ND", ["within", "blocks", "crops"], ["out"])
    return make


def test_a_dilated_convolution_is_one_layer(read_made: Read) -> None:
    workload = read_made(dilated())
    layer = only_layer(workload)
    assert (layer.dilation_height, layer.pad_top, layer.pad_bottom, layer.batch) == (2, 2, 2, 1)
    assert (layer.in_height, layer.out_height, layer.macs) == (8, 8, 64 * 6 * 36)
    assert {node.why for node in off_array(workload).values()} == {OffArrayReason.FOLDED}
    own = convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6], dilationHFactor=2, dilationWFactor=2)
    assert only_layer(read_made(own)) == layer


def test_scales_merge_into_the_layer_before_them_alone(read_made: Read) -> None:
    make = convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6])
    make.tensor("each", [6], values=weights([6]))
    make.tensor("every", [1, 8, 8, 6], values=weights([1, 8, 8, 6]))
    for number, (op, constant) in enumerate([("MUL", "each"), ("ADD", "each"), ("RELU", ""), ("MUL", "each")]):
        before = f"x{number - 1}" if number else "out"
        make.node(op, [before, constant] if constant else [before], [make.tensor(f"x{number}", [1, 8, 8, 6])])
    why = [node.why for node in off_array(read_made(make)).values()]
    assert why == [OffArrayReason.FOLDED] * 3 + [OffArrayReason.NOT_COSTED]
    make = convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6])
    make.tensor("every", [1, 8, 8, 6], values=weights([1, 8, 8, 6]))
    make.node("MUL", ["out", "every"], [make.tensor("x", [1, 8, 8, 6])])
    (node,) = off_array(read_made(make)).values()
    assert node.why is OffArrayReason.NOT_COSTED
    assert node.work is not None
    assert (node.work.operations, node.work.values_read) == (384, 384)


def composed(number: int) -> TfliteMaker:
    """A file whose main graph calls a composite: the graph of that number, of which 1 is a convolution."""
    make = convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6])
    inner, schema = make.graph, make.schema
    inner.outputs = [2]
    main = schema.SubGraphT()
    main.tensors, main.operators, main.inputs, main.outputs = [inner.tensors[0], inner.tensors[2]], [], [0], [1]
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = schema.BuiltinOperator.STABLEHLO_COMPOSITE, 127, 1
    make.model.operatorCodes.append(code)
    node = schema.OperatorT()
    node.opcodeIndex, node.inputs, node.outputs = len(make.model.operatorCodes) - 1, [0], [1]
    node.builtinOptions2Type = schema.BuiltinOptions2.StableHLOCompositeOptions
    node.builtinOptions2 = schema.StableHLOCompositeOptionsT()
    node.builtinOptions2.decompositionSubgraphIndex = number
    main.operators = [node]
    make.model.subgraphs = [main, inner]
    make.graph = main
    return make


def test_a_composite_is_what_it_stands_for(read_made: Read) -> None:
    workload = read_made(composed(1))
    assert only_layer(workload) == only_layer(read_made(convolved([1, 8, 8, 4], [6, 3, 3, 4], [1, 8, 8, 6])))
    assert max(live.float_values for live in workload.live) == 64 * 10
    for number in (0, 2):
        with pytest.raises(SimulatorError, match=rf"subgraph {number} of 2"):
            read_made(composed(number))
    endless = composed(1)
    endless.model.subgraphs[1] = endless.graph
    with pytest.raises(SimulatorError, match="within each other without end"):
        read_made(endless)

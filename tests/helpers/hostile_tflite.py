"""Well-formed .tflite files whose graphs end LiteRT's process, take memory without bound, or never end.

Each kind is a function from a source of random numbers to a file; most of its files are hostile, some are only odd.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers.tflite_graphs import TfliteMaker

IMAGE = [1, 4, 4, 3]
_SIZES = (0, -1, 1, 3, 1 << 15, 1 << 20, 1 << 28, 1 << 30, (1 << 31) - 1)
_OPERATORS = (
    "ADD", "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "CAST", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE", "EXPAND_DIMS", "FULLY_CONNECTED", "GATHER", "L2_NORMALIZATION", "LOGISTIC", "MAX_POOL_2D", "MEAN",
    "MUL", "PACK", "PAD", "RELU", "RESHAPE", "RESIZE_BILINEAR", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SQUEEZE",
    "STRIDED_SLICE", "SUM", "TILE", "TRANSPOSE", "TRANSPOSE_CONV", "UNPACK",
)  # fmt: skip


def _maker() -> TfliteMaker:
    """Begin a graph that takes an image `x` and returns an image `y`."""
    maker = TfliteMaker()
    maker.tensor("x", IMAGE, is_input=True)
    maker.tensor("y", IMAGE)
    return maker


def _added(maker: TfliteMaker, name: str) -> bytes:
    """Return the file in which a number `name` is added to the image."""
    maker.node("ADD", ["x", name], ["y"], options="AddOptions")
    return maker.to_bytes()


def _summed(maker: TfliteMaker, name: str) -> bytes:
    """Return the file in which the sum of a vector `name` is added to the image."""
    maker.tensor("axis", [1], "int32", values=[0])
    maker.tensor("sum", [])
    maker.node("SUM", [name, "axis"], ["sum"], options="ReducerOptions", keepDims=False)
    return _added(maker, "sum")


def without_inputs(source: random.Random) -> bytes:
    """Give an operator no inputs, and sometimes no outputs."""
    maker = _maker()
    maker.node(source.choice(_OPERATORS), [], ["y"] if source.random() < 0.8 else [])
    return maker.to_bytes(["y"])


def missing_tensors(source: random.Random) -> bytes:
    """Let an operator read what is left out, or what is not there."""
    maker = _maker()
    maker.tensor("w", [1, 1, 1, 3], values=np.ones(3))
    maker.node(source.choice(_OPERATORS), ["x", "w"][: source.choice((1, 2))], ["y"])
    node = maker.graph.operators[-1]
    numbers = (-1, -1, -2, 0, 1, 2, 3, 1000, (1 << 31) - 1)
    if source.random() < 0.8:
        node.inputs = [source.choice(numbers) for _ in range(source.choice((1, 2, 3)))]
    else:
        node.outputs = [source.choice(numbers) for _ in range(source.choice((1, 2)))]
    return maker.to_bytes(["y"])


def tiny_quantisation(source: random.Random) -> bytes:
    """Give weights fewer scales than channels, or a channel axis that they do not have."""
    maker = TfliteMaker()
    maker.tensor("x", IMAGE, "int8", is_input=True)
    scales = source.choice((1, 2, 3, 7))
    shape = source.choice(([8, 1, 1, 3], [1, 3, 3, 8], [8, 3]))
    maker.tensor(
        "w", shape, "int8", values=np.ones(shape), zero_points=[0] * scales, axis=source.choice((0, 3, 9, -1, 1 << 30))
    )
    maker.tensor("b", [source.choice((1, 8))], "int32", values=[0] * 8, zero_points=[0] * source.choice((1, 2)))
    maker.tensor("y", [1, 4, 4, 8], "int8", zero_points=[0] * source.choice((1, 1, 2)))
    kind = source.choice(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))
    options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}.get(kind, "")
    given: dict[str, Any] = {"strideH": 1, "strideW": 1} if options else {}
    maker.node(kind, ["x", "w", "b"], ["y"], options=options, **given)
    return maker.to_bytes()


def split_by_nothing(source: random.Random) -> bytes:
    """Split an image into no parts, a negative number of them, or parts that do not sum up."""
    maker = _maker()
    maker.tensor("axis", [], "int32", values=source.choice((0, 3, -1, 4, 1 << 30)))
    count = source.choice((0, -1, 1, 5, -(1 << 31)))
    if source.random() < 0.6:
        maker.node("SPLIT", ["axis", "x"], ["y"], options="SplitOptions", numSplits=count)
    else:
        maker.tensor("sizes", [2], "int32", values=[source.choice(_SIZES), source.choice(_SIZES)])
        maker.node("SPLIT_V", ["x", "sizes", "axis"], ["y"], options="SplitVOptions", numSplits=count)
    return maker.to_bytes()


def wrong_subgraphs(source: random.Random) -> bytes:
    """Let WHILE and IF call graphs that are not there, or themselves."""
    maker = _maker()
    maker.tensor("true", [], "bool", values=True)
    numbers = (0, 0, -1, 1, 2, 1000, (1 << 31) - 1)
    first, second = source.choice(numbers), source.choice(numbers)
    if source.random() < 0.5:
        maker.node("IF", ["true", "x"], ["y"], options="IfOptions", thenSubgraphIndex=first, elseSubgraphIndex=second)
    else:
        maker.node("WHILE", ["x"], ["y"], options="WhileOptions", condSubgraphIndex=first, bodySubgraphIndex=second)
    return maker.to_bytes()


def detection(source: random.Random) -> bytes:
    """Call the only custom operator that LiteRT brings with options, inputs and outputs that are none of its own."""
    maker = _maker()
    inputs = ["x"] * source.choice((0, 1, 2, 3))
    maker.node("CUSTOM", inputs, ["y"] * source.choice((1, 2, 4)), custom="TFLite_Detection_PostProcess")
    maker.graph.operators[-1].customOptions = list(source.randbytes(source.choice((0, 1, 2, 8, 64))))
    return maker.to_bytes(["y"])


def _number(maker: TfliteMaker, name: str, value: float, kind: str = "float32") -> str:
    return maker.tensor(name, [], kind, values=value)


def endless_memory(source: random.Random) -> bytes:
    """Make a tensor of gigabytes from a few numbers."""
    maker = _maker()
    count = source.choice((1 << 28, 1 << 29, 1 << 30, (1 << 31) - 1))
    match source.choice(("fill", "range", "one_hot", "lrn", "broadcast")):
        case "fill":
            maker.tensor("count", [1], "int32", values=[count])
            maker.tensor("v", [1])
            maker.node("FILL", ["count", _number(maker, "one", 1)], ["v"])
            return _summed(maker, "v")
        case "range":
            maker.tensor("v", [1])
            numbers = [_number(maker, name, value) for name, value in (("from", 0), ("to", count), ("step", 1))]
            maker.node("RANGE", numbers, ["v"])
            return _summed(maker, "v")
        case "one_hot":
            maker.tensor("places", [4], "int32", values=[0, 1, 2, 3])
            maker.tensor("v", [4, 1])
            given = [_number(maker, "depth", count // 4, "int32"), _number(maker, "on", 1), _number(maker, "off", 0)]
            maker.node("ONE_HOT", ["places", *given], ["v"], options="OneHotOptions", axis=-1)
            return _summed(maker, "v")
        case "lrn":
            maker.node(
                "LOCAL_RESPONSE_NORMALIZATION", ["x"], ["y"], options="LocalResponseNormalizationOptions",
                radius=(1 << 31) - 1, bias=1.0, alpha=1.0, beta=0.5,
            )  # fmt: skip
            return maker.to_bytes()
        case _:
            maker.tensor("shape", [4], "int32", values=[1, 1 << 10, 1 << 10, count >> 20])
            maker.tensor("v", IMAGE)
            maker.node("BROADCAST_TO", [_number(maker, "one", 1), "shape"], ["v"])
            return _added(maker, "v")


def endless_loop(source: random.Random) -> bytes:
    """Loop while true, or while a number is below what it never reaches."""
    maker = _maker()
    add_endless_loop(maker, source.choice(("RELU", "NEG", "ABS", "FLOOR")), "y")
    return maker.to_bytes()


def add_endless_loop(maker: TfliteMaker, operator: str, output: str) -> None:
    """Add a WHILE from the image `x` to a tensor, which applies an operator again and again."""
    maker.node("WHILE", ["x"], [output], options="WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2)
    main = maker.graph
    graphs: list[Any] = [main]
    for is_body in (False, True):
        maker.graph = graph = maker.schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
        maker.tensor(f"x{len(graphs)}", IMAGE, is_input=True)
        if is_body:
            maker.tensor("next", IMAGE)
            maker.node(operator, [f"x{len(graphs)}"], ["next"])
        else:
            maker.tensor("always", [1], "bool", values=[True])
        graph.outputs = [1]
        graphs.append(graph)
    maker.graph, maker.model.subgraphs = main, graphs


KINDS: Sequence[Callable[[random.Random], bytes]] = (
    without_inputs, missing_tensors, tiny_quantisation, split_by_nothing, wrong_subgraphs, detection, endless_memory,
    endless_loop,
)  # fmt: skip


def hostile_tflite(seed: int) -> bytes:
    """Return the file of a seed: the kinds take turns."""
    kind = KINDS[seed % len(KINDS)]
    return kind(random.Random(f"{kind.__name__} {seed}"))
